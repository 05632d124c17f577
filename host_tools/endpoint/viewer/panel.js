// The fields of the editor: each shows an attribute of the figure as it is drawn, and tells when it is changed.

import { met, shownMs } from "./dates.js";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** Rows of one group. `show()` of a field puts the present value in, unless somebody is typing there. */
class Group {
  constructor(title) {
    this.element = make("fieldset", {}, make("legend", { textContent: title }));
    this.shows = [];
  }

  #row(label, control) {
    this.element.append(make("label", {}, make("span", { textContent: label }), control));
  }

  input(label, properties, read, write) {
    const input = make("input", properties);
    input.addEventListener("change", () => write(input.value.trim(), input));
    this.shows.push(() => {
      if (input !== document.activeElement || properties.type === "color") input.value = read() ?? "";
    });
    this.#row(label, input);
  }

  select(label, options, read, write) {
    const select = make("select", {}, ...options.map(([value, text]) => make("option", { value, textContent: text })));
    select.addEventListener("change", () => write(select.value));
    this.shows.push(() => { select.value = read(); });
    this.#row(label, select);
  }

  /** Two ends; `read` gives them as texts, and as placeholders what is drawn now. */
  range(label, read, write) {
    const ends = ["from", "to"].map((end) => make("input", { placeholder: "auto", ariaLabel: `${label} ${end}` }));
    for (const end of ends) end.addEventListener("change", () => write(ends.map((each) => each.value.trim())));
    const box = make("span", { className: "range" }, ...ends);
    this.shows.push(() => {
      const { set, drawn } = read();
      box.classList.toggle("long", drawn.some((text) => text.length > 8));
      ends.forEach((end, index) => {
        end.placeholder = drawn[index];
        if (!ends.includes(document.activeElement)) end.value = set ? set[index] : "";
      });
    });
    this.element.append(make("span", { textContent: label }), box);
  }

  show() {
    for (const show of this.shows) show();
  }
}

const LINES = ["scatter", "scattergl"];
// A second axis over the first: its ticks stand where its own numbers are round.
const RIGHT = { "yaxis2.overlaying": "y", "yaxis2.side": "right", "yaxis2.showgrid": false, "yaxis2.tickmode": "auto" };
const axisNames = (gd) => Object.keys(gd._fullLayout).filter((key) => /^[xy]axis\d*$/.test(key)).sort();
const canvas = document.createElement("canvas").getContext("2d");

/** "#rrggbb", which is all that a colour field understands. */
function hex(color) {
  canvas.fillStyle = "#000000";
  if (typeof color === "string") canvas.fillStyle = color;
  return canvas.fillStyle.startsWith("#") ? canvas.fillStyle : "#000000";
}

/** An axis title such as "y2" is known by its letter and number only. */
const axisLabel = (name) => `${name[0].toUpperCase()} axis ${name.slice(5)}`.trim();

/** A value of an axis as text, and back: dates travel in UTC if that is how the readings came, logarithms as their numbers. */
function endText(value, type) {
  if (type === "log") return String(Number((10 ** value).toPrecision(6)));
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value ?? "").replace(/\.0+$/, "");
}

function endValue(text, type) {
  if (type === "date") {
    const time = shownMs(text);
    if (isNaN(time)) return null;
    return met.zoned ? new Date(time - met.offset).toISOString() : text;
  }
  const number = Number(text);
  if (text === "" || isNaN(number)) return null;
  if (type === "log") return number > 0 ? Math.log10(number) : null;
  return number;
}

function plotGroup(gd, editor) {
  const group = new Group("Plot");
  const { layout } = gd;
  group.input("Title", { maxLength: 300 }, () => editor.layout.title?.text, (text) => editor.setLayout({ "title.text": text || null }));
  group.select("Legend", [["", "auto"], ["true", "show"], ["false", "hide"]], () => String(editor.layout.showlegend ?? ""),
    (value) => editor.setLayout({ showlegend: value ? value === "true" : null }));
  group.select("Outages", [["", "as gaps"], ["false", "joined by a line"]], () => String(editor.layout.meta?.gaps ?? ""),
    (value) => editor.setLayout({ "meta.gaps": value ? false : null }));
  if (gd.data.length > 1 && gd.data.every((trace) => LINES.includes(trace.type ?? "scatter")) && layout) {
    group.select("Arrange", [["one", "in one plot"], ["stacked", "as subplots"]], () => arrangement(editor.layout),
      (value) => (value === "stacked" ? stack(gd, editor) : unstack(gd, editor)));
  }
  return group;
}

const arrangement = (layout) => (layout.grid?.rows > 1 ? "stacked" : "one");

function stack(gd, editor) {
  gd.data.forEach((_, index) => editor.setTrace(index, { yaxis: index ? `y${index + 1}` : null, xaxis: null }));
  const own = gd.data.slice(1).flatMap((_, index) => [[`yaxis${index + 2}.overlaying`, null], [`yaxis${index + 2}.side`, null]]);
  editor.setLayout({ ...Object.fromEntries(own), "grid.rows": gd.data.length, "grid.columns": 1, "grid.pattern": "coupled" });
}

function unstack(gd, editor) {
  gd.data.forEach((_, index) => editor.setTrace(index, { yaxis: null }));
  editor.setLayout({ grid: null, "grid.rows": null, "grid.columns": null, "grid.pattern": null });
}

function axisGroup(gd, editor, name) {
  const group = new Group(axisLabel(name));
  group.input("Title", { maxLength: 300 }, () => editor.layout[name]?.title?.text,
    (text) => editor.setLayout({ [`${name}.title.text`]: text || null }));
  group.select("Scale", [["", "auto"], ["linear", "linear"], ["log", "logarithmic"]],
    () => (["linear", "log"].includes(editor.layout[name]?.type) ? editor.layout[name].type : ""),
    (type) => editor.setLayout({ [`${name}.type`]: type || null, [`${name}.range`]: null, [`${name}.autorange`]: null }));
  group.range("Range", () => {
    const { type, range } = gd._fullLayout[name] ?? {};
    const own = editor.layout[name];
    const texts = (ends) => (Array.isArray(ends) ? ends.map((end) => endText(end, type)) : null);
    return { set: own?.autorange === true ? null : texts(own?.range), drawn: texts(range) ?? ["auto", "auto"] };
  }, (ends) => {
    const values = ends.map((end) => endValue(end, gd._fullLayout[name].type));
    if (values.every((value) => value !== null)) editor.setLayout({ [`${name}.range`]: values, [`${name}.autorange`]: null });
    else if (ends.every((end) => end === "")) editor.setLayout({ [`${name}.range`]: null, [`${name}.autorange`]: null });
  });
  return group;
}

/** A number, or null for an empty field. What is no number is put back. */
const number = (write) => (text, input) => {
  if (input.validity.valid) write(text === "" ? null : Number(text));
};

function traceGroup(gd, editor, index) {
  const trace = gd.data[index];
  const group = new Group(`Trace ${index + 1}`);
  const set = (changes) => editor.setTrace(index, changes);
  const drawn = () => gd._fullData[index] ?? {};
  group.input("Name", { maxLength: 300 }, () => editor.data[index]?.name, (text) => set({ name: text || null }));
  group.input("Colour", { type: "color" }, () => hex(drawn().line?.color ?? drawn().marker?.color),
    (color) => set(LINES.includes(drawn().type) ? { "line.color": color, "marker.color": color } : { "marker.color": color }));
  if (LINES.includes(trace.type ?? "scatter")) {
    group.select("Draw", [["lines", "lines"], ["markers", "markers"], ["lines+markers", "lines and markers"]],
      () => editor.data[index]?.mode ?? drawn().mode, (mode) => set({ mode }));
    group.input("Line width", { type: "number", min: 0, max: 40, step: "any", placeholder: "2" }, () => editor.data[index]?.line?.width,
      number((width) => set({ "line.width": width })));
    group.input("Marker size", { type: "number", min: 0, max: 100, step: "any", placeholder: "6" },
      () => (typeof editor.data[index]?.marker?.size === "number" ? editor.data[index].marker.size : null),
      number((size) => set({ "marker.size": size })));
    if (index && arrangement(editor.layout) === "one") {
      group.select("Y axis", [["", "left"], ["y2", "right"]], () => (editor.data[index]?.yaxis === "y2" ? "y2" : ""), (axis) => {
        set({ yaxis: axis || null });
        if (axis) editor.setLayout(RIGHT);
      });
    }
  }
  if (trace.stream) {
    group.input("Points kept", { type: "number", min: 1, max: 200000, step: 1, required: true }, () => editor.data[index]?.stream?.maxpoints,
      number((points) => points && set({ "stream.maxpoints": points })));
  }
  return group;
}

/** What the fields depend on: with another answer they must be made anew. */
export const shape = (gd, editor) => JSON.stringify([axisNames(gd), gd.data.map((trace) => [trace.type, Boolean(trace.stream)]), arrangement(editor.layout)]);

/** All groups. `editor` has `data` and `layout` as drawn now, and takes changes by `setLayout` and `setTrace`. */
export const groups = (gd, editor) => [
  plotGroup(gd, editor),
  ...axisNames(gd).map((name) => axisGroup(gd, editor, name)),
  ...gd.data.map((_, index) => traceGroup(gd, editor, index)),
];
