// A restyling: attributes by path, laid over a figure without touching it. Null takes an attribute away.

import { prepareLayout } from "./figure.js";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** A copy of an object with the changes; what is not on their paths is shared with the original. */
function overlay(object, changes) {
  const copy = { ...object };
  for (const [path, value] of Object.entries(changes)) {
    const parts = path.split(".");
    const last = parts.pop();
    let holder = copy;
    for (const part of parts) holder = holder[part] = isObject(holder[part]) ? { ...holder[part] } : {};
    if (value === null) delete holder[last];
    else holder[last] = value;
  }
  return copy;
}

export class Style {
  constructor({ layout = {}, traces = {} } = {}) {
    this.layout = layout;
    this.traces = traces; // by index
  }

  get isEmpty() {
    return Object.keys(this.layout).length === 0 && Object.values(this.traces).every((changes) => Object.keys(changes).length === 0);
  }

  setLayout(changes) {
    Object.assign(this.layout, changes);
  }

  setTrace(index, changes) {
    this.traces[index] = { ...this.traces[index], ...changes };
  }

  /** The figure as it looks with the changes. */
  over(figure) {
    const { data, layout } = figure;
    return {
      ...figure,
      data: data.map((trace, index) => (this.traces[index] ? overlay(trace, this.traces[index]) : trace)),
      layout: overlay(layout, prepareLayout(this.layout)),
    };
  }
}
