// The figure as the endpoint tells it, with dates that plotly.js can read, and what deltas do to it. The arrays are changed in place.

import { localizeLayout, localizeTrace, newestFirst, traceValues } from "./dates.js";
import { isObject } from "./paths.js";

const prepareFrame = (frame) => ({
  ...frame,
  ...(frame.data && { data: frame.data.map(localizeTrace) }),
  ...(frame.layout && { layout: localizeLayout(frame.layout) }),
});

export function prepareFigure({ data, layout, frames }) {
  newestFirst(data);
  return { data: data.map(localizeTrace), layout: localizeLayout(layout), ...(frames && { frames: frames.map(prepareFrame) }) };
}

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
  for (const [key, value] of Object.entries(localizeLayout(delta.layout ?? {}))) set(figure.layout, key, value);
}
