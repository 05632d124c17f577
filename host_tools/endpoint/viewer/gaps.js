// Where readings stop, the line stops: an outage is a gap and no ramp. Only in the drawing: the figure's own arrays stay as they are.

import { shownMs } from "./dates.js";
import { isObject } from "./paths.js";

const NEIGHBOURS = 20; // intervals on either side that tell what is usual
const FEWEST = 3;
const REGULAR = 0.9; // of the intervals are within twice the median
const MISSED = 2.5; // usual intervals: two readings and more are missing
const FEW_POINTS = 20; // up to which plotly.js marks points by itself
const DOT = 5; // pixels
const UNITS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

const median = (sorted) => sorted[sorted.length >> 1];

/** The usual interval, or null where there is none. */
function rhythm(intervals) {
  if (intervals.length < FEWEST) return null;
  const sorted = [...intervals].sort((one, other) => one - other);
  const usual = median(sorted);
  return usual > 0 && sorted.filter((each) => each <= 2 * usual).length >= REGULAR * sorted.length ? usual : null;
}

/** What is usual around an interval; after a change of rhythm the newer one counts, as far as the older allows it. */
function usualAround(intervals, at) {
  const before = intervals.slice(Math.max(0, at - NEIGHBOURS), at);
  const after = intervals.slice(at + 1, at + 1 + NEIGHBOURS);
  const both = rhythm([...before, ...after]);
  if (both !== null) return both;
  const newer = rhythm(after);
  return newer === null ? null : Math.max(newer, median([...before].sort((one, other) => one - other)) ?? 0);
}

/** Milliseconds of the rhythm that a trace declares as `meta.every`, such as "5s"; null if it does not. */
function declared(trace) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/.exec(trace.meta?.every ?? "") ?? [];
  return unit ? Number(number) * UNITS[unit] : null;
}

/** The intervals that are much longer than one beside them: only those can be outages. */
function longOnes(intervals, every) {
  const long = [];
  for (let at = 0; at < intervals.length; at += 1) {
    const beside = Math.min(intervals[at - 1] ?? Infinity, intervals[at + 1] ?? Infinity, every ?? Infinity);
    if (intervals[at] > MISSED * beside) long.push(at);
  }
  return long;
}

/** The places of the points before which nothing came for too long; `times` and `every`, the declared interval, in milliseconds. */
export function outages(times, every = null) {
  const intervals = Array.from({ length: Math.max(0, times.length - 1) }, (_, at) => times[at + 1] - times[at]);
  const long = longOnes(intervals, every);
  const regular = long.length <= FEWEST || long.length <= (1 - REGULAR) * intervals.length;
  const isOutage = (at) => {
    const usual = (regular ? usualAround(intervals, at) : null) ?? every;
    return usual !== null && intervals[at] > MISSED * usual;
  };
  return long.filter(isOutage).map((at) => at + 1);
}

/** A copy of a trace with a null before each of the places, in everything that has a value for each point. */
function parted(value, places, length) {
  if (Array.isArray(value) && value.length === length) {
    const parts = [];
    let from = 0;
    for (const place of places) {
      parts.push(value.slice(from, place), [null]);
      from = place;
    }
    return parts.concat([value.slice(from)]).flat(1);
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parted(item, places, length)]));
}

/** The places of the points that have no neighbour. */
function lonely({ x, y }) {
  const isGap = (at) => (y[at] ?? null) === null || (x[at] ?? null) === null;
  const places = [];
  for (let at = 0, before = true; at < y.length; at += 1) {
    const gap = isGap(at);
    if (!gap && before && isGap(at + 1)) places.push(at);
    before = gap;
  }
  return places;
}

/** A line through one point is nothing: a point alone between gaps is marked. */
function dotted(trace, mode) {
  if (mode.includes("markers") || trace.connectgaps) return { ...trace, mode };
  const places = lonely(trace);
  if (!places.length) return { ...trace, mode };
  const size = new Array(trace.x.length).fill(0);
  for (const place of places) size[place] = Math.max(DOT, 2 * (trace.line?.width ?? 0));
  return { ...trace, mode: `${mode}+markers`, marker: { ...trace.marker, size } };
}

const isLine = (trace) => ["scatter", "scattergl"].includes(trace.type ?? "scatter") && Array.isArray(trace.x) && Array.isArray(trace.y)
  && trace.x.length > 0 && trace.x.length === trace.y.length && !trace.stackgroup && trace.visible !== false;

/** The trace as it is drawn. */
export function withGaps(trace) {
  if (!isLine(trace) || isNaN(shownMs(trace.x.find((value) => value !== null)))) return trace;
  const mode = String(trace.mode ?? (trace.x.length < FEW_POINTS ? "lines+markers" : "lines"));
  if (!mode.includes("lines")) return trace;
  const times = trace.x.map(shownMs);
  const places = times.some(isNaN) ? [] : outages(times, declared(trace));
  return dotted(places.length ? parted(trace, places, trace.x.length) : trace, mode);
}
