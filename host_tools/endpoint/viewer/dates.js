// Dates for plotly.js, which ignores offsets: those that name a zone are told in the viewer's own, the others stay as they are.
//
// The viewer's clock may be set back while a plot goes on. What is drawn never runs back: all dates get the one offset of the newest,
// and the axis tells the hours as the clock had them (clock.js).

const DATE = /^\d{4}-\d\d-\d\d/;
const ZONED = /^(\d{4}-\d\d-\d\d)[T ](\d\d)(:\d\d)?(:\d\d)?(?:\.(\d+))?(?:[Zz]|([+-]\d\d):?(\d\d)?)$/;
// The attributes that may hold dates; texts are never touched.
const IN_TRACE = new Set(["x", "y", "z", "x0", "y0", "base", "open", "close"]);
const IN_LAYOUT = new Set(["range", "x", "x0", "x1", "y", "y0", "y1", "tick0", "tickvals"]);

/** Which kinds of dates were met so far, and what all those with a zone are away from UTC where they are drawn, in milliseconds. */
export const met = { zoned: false, zoneless: false, offset: null };

export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** How far the viewer's clock is, or was, away from UTC at an instant, in milliseconds. */
export const offsetAt = (instant) => -60_000 * new Date(instant).getTimezoneOffset();

/** The digits of a second's fraction that milliseconds cannot hold come back unchanged: plotly.js draws them. */
function instantOf([, day, hours, minutes = ":00", seconds = ":00", fraction = "", zoneHours = "+00", zoneMinutes = "00"]) {
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  return [Date.parse(`${day}T${hours}${minutes}${seconds}.${milliseconds}${zoneHours}:${zoneMinutes}`), fraction.slice(3)];
}

/** What plotly.js draws where a date was that names a zone. */
export function toShown(instant) {
  met.offset ??= offsetAt(instant);
  return new Date(instant + met.offset).toISOString().replace("T", " ").slice(0, -1);
}

const day = { text: "", ms: NaN }; // the one that was read last: thousands of readings in a row share it

function dayMs(text) {
  const own = text.slice(0, 10);
  if (own !== day.text) Object.assign(day, { text: own, ms: DATE.test(text) ? Date.parse(own) : NaN });
  return day.ms;
}

/** Milliseconds of a date as it is drawn; NaN for what is no date. Each drawing asks it of every reading. */
export function shownMs(text) {
  if (typeof text !== "string") return NaN;
  const start = dayMs(text);
  if (text.length === 10 || isNaN(start)) return start;
  const [hours, minutes, seconds] = [text.slice(11, 13), text.slice(14, 16), text.slice(17)];
  return start + Math.round(3_600_000 * hours + 60_000 * minutes + 1000 * seconds);
}

function toLocal(value) {
  if (typeof value !== "string" || !DATE.test(value)) return value;
  const zoned = ZONED.exec(value);
  const [instant, rest] = zoned ? instantOf(zoned) : [NaN];
  met[isNaN(instant) ? "zoneless" : "zoned"] = true;
  return isNaN(instant) ? value : toShown(instant) + rest;
}

const localize = (value) => (Array.isArray(value) ? value.map(localize) : toLocal(value));

/** Let the offset be that of the newest date of the first trace that has one. */
export function newestFirst(data) {
  met.offset = null;
  for (const trace of data) if (met.offset === null && Array.isArray(trace.x)) toLocal(trace.x.at(-1));
}

/** The values of a trace's attribute. */
export const traceValues = (key, values) => (IN_TRACE.has(key) ? localize(values) : values);

export function localizeTrace(trace) {
  for (const key of IN_TRACE) if (key in trace) trace[key] = localize(trace[key]);
  return trace;
}

/** A layout or any part of it, under the key that it stands under. */
export function localizeLayout(value, key = "") {
  if (IN_LAYOUT.has(key)) return localize(value);
  if (Array.isArray(value)) return value.map((item) => localizeLayout(item));
  if (value === null || typeof value !== "object") return value;
  const lastOf = (path) => path.split(".").at(-1).replace(/\[\d+\]$/, "");
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, localizeLayout(item, lastOf(name))]));
}
