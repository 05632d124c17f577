// The newest value of every trace, in its colour. Pressing one hides or shows its trace.

const MOST = 12;
const hidden = new Set(); // indexes of the traces that the viewer switched off
const list = document.querySelector("#readouts");

/** Many digits help nobody at a glance. */
function short(value) {
  if (typeof value !== "number") return value === undefined || value === null ? "–" : String(value);
  return String(Number(value.toPrecision(6)));
}

/** The unit, when the title of the trace's axis is one ("°C") or ends with one ("Temperature (°C)"). */
function unit(axisTitle) {
  const title = plain(axisTitle).trim();
  return /[([]([^()[\]]{1,8})[)\]]$/.exec(title)?.[1] ?? (/^(\S{1,3}|°\S+|\S+\/\S+)$/.test(title) ? title : "");
}

const isLine = (trace) => ["scatter", "scattergl"].includes(trace.type ?? "scatter") && Array.isArray(trace.y);

function makeButton(gd, index) {
  const button = document.createElement("button");
  button.type = "button";
  for (const name of ["of", "value"]) button.append(Object.assign(document.createElement("span"), { className: name }));
  button.addEventListener("click", () => {
    const show = hidden.delete(index) || !hidden.add(index);
    button.setAttribute("aria-pressed", String(show));
    Plotly.restyle(gd, { visible: show ? true : "legendonly" }, [index]);
  });
  button.setAttribute("aria-pressed", String(!hidden.has(index)));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function fill(button, trace, drawn, axis) {
  const [of, value] = button.children;
  of.textContent = plain(drawn.name);
  value.textContent = `${short(trace.y.at(-1))} ${unit(axis?.title?.text)}`;
  button.style.setProperty("--trace", drawn.line?.color ?? drawn.marker?.color ?? "");
}

/** A text without the few tags that plotly.js understands. */
const plain = (text) => String(text ?? "").replace(/<[^>]*>/g, "");

/** `gd._fullData` and `gd._fullLayout` hold the names, colours and axes that plotly.js chose. */
export function showReadouts(gd) {
  const wanted = gd.data.length <= MOST && gd.data.every(isLine) ? gd.data.length : 0;
  while (list.children.length > wanted) list.lastChild.remove();
  while (list.children.length < wanted) list.append(makeButton(gd, list.children.length));
  [...list.children].forEach((item, index) => {
    const drawn = gd._fullData[index];
    fill(item.firstChild, gd.data[index], drawn, gd._fullLayout[`yaxis${(drawn.yaxis ?? "y").slice(1)}`]);
  });
}

/** With readouts there is no need for a legend, unless the figure asks for one. */
export const replacesLegend = (data) => data.length <= MOST && data.every(isLine);

/** A new snapshot of the figure does not bring back what the viewer switched off. */
export function keepHidden(data) {
  for (const index of hidden) if (data[index]) data[index].visible = "legendonly";
}
