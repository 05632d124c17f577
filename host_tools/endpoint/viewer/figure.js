// The figure in the form that plotly.js draws, and what deltas do to it. The arrays are changed in place, never copied.

import { localizeLayout, localizeTrace, traceValues } from "./dates.js";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** plotly.js 3 stopped reading titles that are plain text, which is how older clients write them. */
function titlesAsObjects(value) {
  if (Array.isArray(value)) return value.map(titlesAsObjects);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => {
    if (/(^|\.)title$/.test(key) && typeof item === "string") return [key, { text: item }];
    return [key, titlesAsObjects(item)];
  }));
}

export const prepareLayout = (layout) => localizeLayout(titlesAsObjects(layout));

const prepareFrame = (frame) => ({
  ...frame,
  ...(frame.data && { data: frame.data.map(localizeTrace) }),
  ...(frame.layout && { layout: prepareLayout(frame.layout) }),
});

export const prepareFigure = ({ data, layout, frames }) => ({
  data: data.map(localizeTrace), layout: prepareLayout(layout), ...(frames && { frames: frames.map(prepareFrame) }),
});

const DATA = ["x", "y", "z", "a", "cells", "dimensions", "labels", "lat", "locations", "open", "r", "value", "values"];

/** Whether everything that there is to see will come by streams: a static picture waits for nothing, also where it is empty. */
export const isEmpty = (data) => data.length > 0 && data.every((trace) =>
  trace.stream && DATA.every((key) => !(key in trace) || trace[key]?.length === 0));

/** The object that holds a dotted key, made where it is missing, and the key's last part. */
function place(object, dotted) {
  const parts = dotted.split(".");
  const last = parts.pop();
  for (const part of parts) {
    if (!Object.hasOwn(object, part) || !isObject(object[part])) object[part] = {};
    object = object[part];
  }
  return [object, last];
}

function array(trace, dotted) {
  const [holder, key] = place(trace, dotted);
  if (!Array.isArray(holder[key])) holder[key] = [];
  return holder[key];
}

function keepNewest(values, length) {
  if (length !== undefined && values.length > length) values.splice(0, values.length - length);
}

function extend(values, more) {
  for (const value of more) values.push(value);
}

function set(object, dotted, value) {
  const [holder, key] = place(object, dotted);
  holder[key] = value;
}

/** One trace's part of a delta: first `replace` sets, then `extend` appends and keeps the newest `max`, or as many as `length` says. */
function applyToTrace(trace, delta) {
  for (const [key, value] of Object.entries(delta.replace ?? {})) set(trace, key, traceValues(key, value));
  for (const [key, values] of Object.entries(delta.extend ?? {})) {
    extend(array(trace, key), traceValues(key, values));
    keepNewest(array(trace, key), delta.length?.[key] ?? delta.max);
  }
  for (const [key, length] of Object.entries(delta.length ?? {})) keepNewest(array(trace, key), length);
}

/** Changes a prepared figure in place. */
export function applyDelta(figure, delta) {
  for (const change of delta.traces ?? []) applyToTrace(figure.data[change.i], change);
  for (const [key, value] of Object.entries(prepareLayout(delta.layout ?? {}))) set(figure.layout, key, value);
}
