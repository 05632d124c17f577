// What a viewer did with the figure's own buttons and sliders: it lies over what streams bring, until the owner saves something else there.

import { localizeLayout, traceValues } from "./dates.js";
import { leaves, overlay, valueAt } from "./paths.js";

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const asChanges = (key, value) => (typeof key === "string" ? { [key]: value } : key ?? {});

export class Actions {
  #layout = {}; // by path
  #traces = new Map(); // by index, by path
  #gd;
  #onChange;

  constructor(gd, onChange) {
    this.#gd = gd;
    this.#onChange = onChange;
  }

  /** plotly.js forgets its listeners when its configuration changes. */
  watch() {
    this.#gd.on("plotly_buttonclicked", ({ menu, button, active }) => {
      if (button.execute === false) return;
      this.#note(button.method, active === -1 && button.args2 ? button.args2 : button.args);
      this.#finish({ [`updatemenus[${menu._index}].active`]: active });
    });
    this.#gd.on("plotly_sliderchange", ({ slider, step, interaction }) => {
      if (!interaction) return; // it follows what a button did
      this.#note(step.method, step.args);
      this.#finish({ [`sliders[${slider._index}].active`]: slider.active });
    });
    this.#gd.on("plotly_animatingframe", ({ frame }) => this.#noteFrame(frame));
  }

  #finish(layout) {
    Object.assign(this.#layout, layout);
    this.#onChange();
  }

  /** A method of plotly.js and its arguments. Frames of an animation come by an event of their own. */
  #note(method, args = []) {
    const [first, second, third] = args;
    if (method === "relayout") Object.assign(this.#layout, asChanges(first, second));
    if (method === "restyle") this.#restyle(asChanges(first, second), typeof first === "string" ? third : second);
    if (method === "update") {
      this.#restyle(first ?? {}, third);
      Object.assign(this.#layout, second);
    }
  }

  #restyle(changes, indexes) {
    this.#which(indexes).forEach((index, at) => {
      for (const [path, value] of Object.entries(changes)) this.#set(index, path, Array.isArray(value) ? value[at % value.length] : value);
    });
  }

  #which(indexes) {
    const { length } = this.#gd.data;
    if (indexes === undefined || indexes === null) return this.#gd.data.map((_, index) => index);
    return [indexes].flat().map((index) => (index < 0 ? length + index : index));
  }

  #noteFrame({ data = [], layout = {}, traces }) {
    data.forEach((trace, at) => {
      for (const [path, value] of leaves(trace)) this.#set(traces?.[at] ?? at, path, value);
    });
    Object.assign(this.#layout, Object.fromEntries(leaves(layout)));
  }

  #set(index, path, value) {
    if (value === undefined) return;
    if (!this.#traces.has(index)) this.#traces.set(index, {});
    this.#traces.get(index)[path] = value;
  }

  /** The figure as the viewer has it. */
  over(figure) {
    const localized = (changes) => Object.fromEntries(Object.entries(changes).map(([path, value]) => [path, traceValues(path, value)]));
    return {
      ...figure,
      data: figure.data.map((trace, index) => (this.#traces.has(index) ? overlay(trace, localized(this.#traces.get(index))) : trace)),
      layout: overlay(figure.layout, localizeLayout(this.#layout)),
    };
  }

  /** A new snapshot: where the figure itself is another now, what the viewer did there is over; with other buttons all of it is. */
  renew(before, now) {
    if (!["updatemenus", "sliders"].every((key) => isSame(before.layout[key], now.layout[key]))) {
      this.#layout = {};
      this.#traces.clear();
    }
    forget(this.#layout, before.layout, now.layout);
    for (const [index, changes] of this.#traces) forget(changes, before.data[index], now.data[index]);
  }
}

function forget(changes, before, now) {
  for (const path of Object.keys(changes)) if (!isSame(valueAt(before, path), valueAt(now, path))) delete changes[path];
}
