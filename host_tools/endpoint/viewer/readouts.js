// The newest value of every trace, in its colour. Pressing one hides or shows its trace.

import { plain, reading, unit } from "./words.js";

const MOST = 12;
const hidden = new Set(); // indexes of the traces that the viewer switched off
const list = document.querySelector("#readouts");

const LINES = ["scatter", "scattergl"];
const isDate = (value) => typeof value === "string" && /^\d{4}-\d\d/.test(value);

/** Whether the newest value of a trace says something by itself: of readings that come one after the other, not of bubbles. */
function isReadings({ type = "scatter", mode = "lines", x, y, stream, marker }) {
  if (!LINES.includes(type) || !Array.isArray(y) || Array.isArray(marker?.size)) return false;
  return isDate(x?.[0]) || Boolean(stream && /lines/.test(mode));
}

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
  value.textContent = `${reading(trace.y)} ${unit(axis?.title?.text)}`;
  button.style.setProperty("--trace", drawn.line?.color ?? drawn.marker?.color ?? "");
}

/** `data` is as the endpoint tells it; `gd._fullData` and `gd._fullLayout` hold the names, colours and axes that plotly.js chose. */
export function showReadouts(gd, data) {
  const wanted = replacesLegend(data) ? data.length : 0;
  while (list.children.length > wanted) list.lastChild.remove();
  while (list.children.length < wanted) list.append(makeButton(gd, list.children.length));
  [...list.children].forEach((item, index) => {
    const drawn = gd._fullData[index];
    fill(item.firstChild, data[index], drawn, gd._fullLayout[`yaxis${(drawn.yaxis ?? "y").slice(1)}`]);
  });
}

/** With readouts there is no need for a legend, unless the figure asks for one. */
export const replacesLegend = (data) => data.length <= MOST && data.every(isReadings);

/** The traces as they are to be drawn: what the viewer switched off stays so. */
export const keepHidden = (data) => data.map((trace, index) => (hidden.has(index) ? { ...trace, visible: "legendonly" } : trace));
