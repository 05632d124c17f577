// A restyling: attributes by path, laid over a figure without touching it. Null takes an attribute away.

import { localizeLayout } from "./dates.js";
import { overlay } from "./paths.js";

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
      layout: overlay(layout, localizeLayout(this.layout)),
    };
  }
}
