// Axes of time: a drag chooses a span of time, and the other axis fits what there is in it.

import { clockTicks, tellHours } from "./clock.js";
import { shownMs } from "./dates.js";

const ALONE_MS = 30_000; // of time on either side of a single reading
const PADDING = 0.05; // of what is fitted
const FITTED = ["scatter", "scattergl"];
const ONE_WAY = [...FITTED, "bar", "candlestick", "ohlc"]; // in a heatmap over time both directions are worth a drag

const axisName = (id, letter) => `${letter}axis${String(id ?? letter).slice(1)}`;
const firstDate = (x) => (Array.isArray(x) ? shownMs(x.find((value) => value !== null)) : NaN);
const isOfTime = (trace) => !isNaN(firstDate(trace.x)) && trace.orientation !== "h";

function span(values) {
  let least = Infinity, most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** The x axes of time: `{name, traces, ends}`, `ends` being those that the viewer or the figure has chosen, in milliseconds. */
function timeAxes(gd, { data, layout }) {
  const names = [...new Set(data.filter(isOfTime).map((trace) => axisName(trace.xaxis, "x")))];
  return names.filter((name) => ["date", "-", undefined].includes(layout[name]?.type)).map((name) => {
    const drawn = gd._fullLayout?.[name];
    const chosen = drawn?.autorange === false ? drawn.range : layout[name]?.range;
    const traces = data.filter((trace) => trace.visible !== false && Array.isArray(trace.x) && axisName(trace.xaxis, "x") === name);
    return { name, traces, ends: Array.isArray(chosen) ? chosen.map(shownMs) : null };
  });
}

/** The range of values between two moments, as an axis of that type counts them. */
function fitted(traces, [from, to], type) {
  const values = traces.flatMap(({ x, y }) => y.filter((value, at) => {
    const time = typeof value === "number" ? shownMs(x[at]) : NaN;
    return time >= from && time <= to && (type !== "log" || value > 0);
  }));
  const [least, most] = span(type === "log" ? values.map(Math.log10) : values);
  if (!values.length) return undefined;
  const room = (most - least || 2 * Math.abs(most) * PADDING || 2) * PADDING;
  return [least - room, most + room];
}

/** One y axis: it is not dragged, and fits what is between the moments that the viewer has chosen. */
function valueAxis(gd, name, own, { traces, ends }, isZoomed) {
  const beside = traces.filter((trace) => axisName(trace.yaxis, "y") === name);
  if (!beside.every((trace) => ONE_WAY.includes(trace.type ?? "scatter"))) return { ...own };
  const mayFit = isZoomed && ends && !own?.range && own?.autorange === undefined && beside.every((trace) => FITTED.includes(trace.type ?? "scatter")
    && Array.isArray(trace.y) && !trace.stackgroup && trace.visible !== "legendonly");
  const type = gd._fullLayout?.[name]?.type;
  const range = mayFit && ["linear", "log"].includes(type) ? fitted(beside, ends, type) : undefined;
  return { ...own, fixedrange: own?.fixedrange ?? true, ...(range && { range }) };
}

/** What an x axis of time gets beside what its figure says: room around a single reading, and the hours of the viewer's clock. */
function timeAxis(gd, { name, traces, ends }, own) {
  const [from, to] = ends ?? span(traces.flatMap(({ x }) => [x[0], x.at(-1)].map(shownMs)).filter((time) => !isNaN(time)));
  const alone = from === to && traces.every(({ x }) => x.every((value) => value === null || shownMs(value) === from));
  const near = () => [from - ALONE_MS, from + ALONE_MS].map((time) => new Date(time).toISOString().slice(0, -1));
  const ticks = own?.tickvals || own?.tickformat ? null : clockTicks(from, to, gd.clientWidth);
  if (ticks) byClock.add(name);
  const around = alone && { autorangeoptions: { include: near(), ...own?.autorangeoptions } };
  return { ...own, ...around, ...ticks, ...(own?.hoverformat && { hoverformat: own.hoverformat }) };
}

const byClock = new Set(); // names of the axes whose hours are told by the viewer's clock

/** The layout with what its axes of time add. `isZoomed` where the viewer has chosen a span. */
export function withTime(gd, figure, isZoomed) {
  const layout = { ...figure.layout };
  byClock.clear();
  for (const axis of timeAxes(gd, figure)) {
    layout[axis.name] = timeAxis(gd, axis, layout[axis.name]);
    const values = new Set(axis.traces.map((trace) => axisName(trace.yaxis, "y")));
    for (const name of values) layout[name] = valueAxis(gd, name, layout[name], axis, isZoomed);
  }
  return layout;
}

/** What the pointer shows is told by the viewer's clock where the axis is. plotly.js forgets it with each of its drawings. */
export function watchTime(gd) {
  const tell = () => byClock.forEach((name) => tellHours(gd._fullLayout[name]));
  gd.on("plotly_afterplot", tell);
  tell();
}
