// The hours that an axis tells where the viewer's clock is put forward or back: plotly.js's axes know no zones.

import { met, offsetAt } from "./dates.js";

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND), ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR), ...[1, 2, 7, 14].map((count) => count * DAY),
];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTH = 30.5 * DAY;
const PIXELS = 90; // a tick takes

const pad = (number) => String(number).padStart(2, "0");
const wallAt = (instant) => instant + offsetAt(instant);

/** Whether another instant has the same hour on the clock: clocks are put back by an hour, on Lord Howe Island by half of one. */
const isAmbiguous = (instant) => [-HOUR, -HOUR / 2, HOUR / 2, HOUR].some((away) => wallAt(instant + away) === wallAt(instant));

/** Whether the clock is changed between two instants, or differs from what is drawn. */
function differs(from, to) {
  for (let instant = from; instant < to; instant += MONTH) if (offsetAt(instant) !== met.offset) return true;
  return offsetAt(to) !== met.offset;
}

/** Round instants by the viewer's clock. */
function* rounds(from, to, count) {
  const step = STEPS.find((each) => (to - from) / each <= count);
  const start = new Date(from);
  if (step <= HOUR) {
    for (let instant = Math.ceil(wallAt(from) / step) * step - offsetAt(from); instant <= to; instant += step) yield instant;
    return;
  }
  const months = MONTHS.find((each) => (to - from) / (each * MONTH) <= count) ?? MONTHS.at(-1);
  const [year, month, day] = step ? [start.getFullYear(), start.getMonth(), start.getDate()] : [start.getFullYear(), 0, 1];
  for (let index = 0, instant = 0; instant <= to; index += 1) {
    const place = step ? (step < DAY ? [month, day, (index * step) / HOUR] : [month, day + (index * step) / DAY]) : [month + index * months, day];
    instant = new Date(year, ...place).getTime();
    if (instant >= from && instant <= to) yield instant;
  }
}

const text = (instant, options) => new Intl.DateTimeFormat("en", options).format(instant);
const zoneAt = (instant) =>
  new Intl.DateTimeFormat([], { timeZoneName: "short" }).formatToParts(instant).find(({ type }) => type === "timeZoneName").value;

/** The hour on the clock, with the zone where that occurs twice. */
function hours(instant, span) {
  const date = new Date(instant);
  const seconds = span < 10 * MINUTE ? `:${pad(date.getSeconds())}` : "";
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${seconds}${isAmbiguous(instant) ? ` ${zoneAt(instant)}` : ""}`;
}

function labels(instants, span) {
  const daily = span > 12 * DAY || instants.every((instant) => !new Date(instant).getHours() && !new Date(instant).getMinutes());
  let day = "", year = "";
  return instants.map((instant) => {
    const [today, thisYear] = [text(instant, { month: "short", day: "numeric", year: "numeric" }), text(instant, { year: "numeric" })];
    const below = daily ? (thisYear === year ? "" : `<br>${thisYear}`) : today === day ? "" : `<br>${today}`;
    [day, year] = [today, thisYear];
    return (daily ? text(instant, { month: "short", day: "numeric" }) : hours(instant, span)) + below;
  });
}

/** `tickvals`, `ticktext` and what goes with them of an axis between two dates as drawn, in milliseconds; null where plotly.js's own are right. */
export function clockTicks(from, to, pixels) {
  if (met.offset === null || !met.zoned || !(to > from)) return null;
  const [first, last] = [from - met.offset, to - met.offset];
  if (!differs(first, last)) return null;
  const instants = [...rounds(first, last, Math.max(2, pixels / PIXELS))];
  return {
    hoverformat: "%b %-d, %Y, %H:%M:%S", // without one plotly.js counts the hours by itself, and tellHours is not asked
    tickmode: "array",
    tickvals: instants.map((instant) => new Date(instant + met.offset).toISOString().replace("T", " ").slice(0, -1)),
    ticktext: labels(instants, last - first),
  };
}

/** The same for what plotly.js tells of a point under the pointer; to be called after each of its drawings. */
export function tellHours(axis) {
  const format = axis?._dateFormat; // plotly.js has no public way to word a date
  if (!format || format.byClock) return;
  axis._dateFormat = (pattern) => {
    const own = format(pattern);
    return (shown) => own(new Date(wallAt(shown - met.offset)));
  };
  axis._dateFormat.byClock = true;
}
