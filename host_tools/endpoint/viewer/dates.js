// Dates for plotly.js, which ignores offsets: those that name a zone are told in the viewer's own, the others stay as they are.

const DATE = /^\d{4}-\d\d-\d\d/;
const ZONED = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
// The attributes that may hold dates; texts are never touched.
const IN_TRACE = new Set(["x", "y", "z", "x0", "y0", "base", "open", "close"]);
const IN_LAYOUT = new Set(["range", "x", "x0", "x1", "y", "y0", "y1", "tick0", "tickvals"]);

/** Which kinds of dates were met so far. */
export const met = { zoned: false, zoneless: false };

export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const pad = (number, width) => String(number).padStart(width, "0");

function localText(date) {
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)} ` +
    `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`;
}

function toLocal(value) {
  if (typeof value !== "string" || !DATE.test(value)) return value;
  const date = ZONED.test(value) ? new Date(value.replace(" ", "T")) : NaN;
  met[isNaN(date) ? "zoneless" : "zoned"] = true;
  return isNaN(date) ? value : localText(date);
}

const localize = (value) => (Array.isArray(value) ? value.map(localize) : toLocal(value));

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
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, localizeLayout(item, name.split(".").at(-1))]));
}
