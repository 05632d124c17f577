// How a figure looks unless it says otherwise: a plotly.js template for light and one for dark.

const LIGHT = {
  text: "#1b2430", quiet: "#5d6875", grid: "#e9ecf0", line: "#cfd5dc", card: "#ffffff",
  colorway: ["#2563eb", "#e0660b", "#0f9d6b", "#d6336c", "#7c3aed", "#0891b2", "#a16207", "#64748b"],
};
const DARK = {
  text: "#e6eaef", quiet: "#97a3b0", grid: "#252e38", line: "#3a4551", card: "#171e26",
  colorway: ["#6ea8fe", "#fb9a4b", "#3ddc97", "#f783ac", "#b197fc", "#3bc9db", "#e3b341", "#94a3b8"],
};

const dark = matchMedia("(prefers-color-scheme: dark)");

const isDark = (layout) => dark.matches && !isColoured(layout);

/** The ground that a figure with this layout is drawn on. */
export const ground = (layout) => (isDark(layout) ? DARK : LIGHT).card;

export const onChange = (callback) => dark.addEventListener("change", callback);

/** A figure that brings colours of its own was made for a light page; half of them on a dark one cannot be read. */
function isColoured(layout) {
  return Boolean(layout.paper_bgcolor ?? layout.plot_bgcolor ?? layout.font?.color);
}

const GOLDEN = 137.5; // degrees: hues so far apart never come back

/** A colour for each of `count` traces, beyond the chosen ones in hues of their own. */
function colourway({ colorway }, count) {
  const more = Array.from({ length: Math.max(0, count - colorway.length) }, (_, index) => {
    const hue = Math.round((20 + index * GOLDEN) % 360);
    return `hsl(${hue}, ${[60, 45, 75][index % 3]}%, ${[48, 60, 54][index % 3]}%)`;
  });
  return [...colorway, ...more];
}

function axis(colours) {
  return {
    gridcolor: colours.grid, linecolor: colours.line, zerolinecolor: colours.line, tickcolor: colours.line,
    tickfont: { color: colours.quiet }, title: { font: { color: colours.quiet, size: 13 } }, zeroline: false, automargin: true,
  };
}

/** Axes that have no zero line. */
const circle = (colours) => ({ gridcolor: colours.grid, linecolor: colours.line, tickcolor: colours.line, tickfont: { color: colours.quiet } });

/** Degrees instead of coastlines, which would come from another server; and as much of the world as the points take. */
function map(colours) {
  const degrees = { showgrid: true, gridcolor: colours.grid };
  return { visible: false, fitbounds: "locations", showframe: true, framecolor: colours.line, bgcolor: colours.card, lataxis: degrees, lonaxis: degrees };
}

/** For a figure as its owner wrote it. Somebody who edits it needs room for a title and a subtitle. */
export function template({ data, layout }, editing) {
  if (layout.template) return layout.template;
  const colours = isDark(layout) ? DARK : LIGHT;
  const hasTitle = Boolean(layout.title?.text);
  return {
    layout: {
      colorway: colourway(colours, data.length),
      font: { color: colours.text, family: getComputedStyle(document.body).fontFamily, size: 13 },
      paper_bgcolor: colours.card, plot_bgcolor: colours.card,
      title: { font: { size: 17 }, x: 0.5, ...(editing && { y: 0.97, yanchor: "top" }) },
      xaxis: { ...axis(colours), showgrid: false, showline: true, ticks: "outside" },
      yaxis: axis(colours),
      geo: map(colours),
      polar: { bgcolor: colours.card, radialaxis: circle(colours), angularaxis: circle(colours) },
      ternary: { bgcolor: colours.card, aaxis: circle(colours), baxis: circle(colours), caxis: circle(colours) },
      scene: { xaxis: axis(colours), yaxis: axis(colours), zaxis: axis(colours) },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: colours.quiet } },
      hoverlabel: { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.text } },
      hovermode: "x unified",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.quiet, activecolor: colours.text },
      margin: { l: 56, r: 24, t: editing ? 96 : hasTitle ? 64 : 32, b: 44 },
    },
  };
}
