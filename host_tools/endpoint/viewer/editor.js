// Restyling by hand: on the plot itself and in a panel. The owner saves it for everybody, anybody else as a copy of their own.

import { groups, shape } from "./panel.js";
import { Style } from "./style.js";

const { role, login } = document.body.dataset;
const SAVE = { owner: "Save", visitor: "Save as a copy", guest: "Log in to save" }[role];
const HINT = {
  owner: "Titles and names can also be changed right on the plot. Everybody sees a change once it is saved.",
  visitor: "Only you see what you change. The copy is your own and does not go on with the stream.",
  guest: "Only you see what you change.",
}[role];
const DRAFT = `restyle ${location.pathname}`; // kept for the way through the login
// What plotly.js lets one edit on the plot, and is worth keeping.
const DIRECT = { titleText: true, axisTitleText: true, legendText: true, legendPosition: true, colorbarTitleText: true };
const DIRECT_LAYOUT = /^(title(\.subtitle)?\.text|[xy]axis\d*\.title\.text|legend\.[xy]|coloraxis\d*\.colorbar\.title\.text)$/;
const DIRECT_TRACE = /^(name|(marker\.|line\.)?colorbar\.title\.text)$/;

const form = document.querySelector("#editor");
const toggle = document.querySelector("#restyle");
const fields = Object.assign(document.createElement("div"), { className: "fields" });
const trouble = Object.assign(document.createElement("p"), { className: "trouble", hidden: true });
trouble.setAttribute("role", "alert");

function button(text, type, className = "") {
  return Object.assign(document.createElement("button"), { textContent: text, type, className });
}

export class Editor {
  #style = new Style();
  #gd;
  #onChange;
  #groups = [];
  #shape = "";
  #drawn = { data: [], layout: {} };
  #save = button(SAVE, "submit", "first");

  /** `onChange` is called when the plot must be drawn anew, and gets the Style that was saved, if one was. */
  constructor(gd, onChange) {
    this.#gd = gd;
    this.#onChange = onChange;
    if (form) this.#build();
  }

  #build() {
    const discard = button("Discard", "button");
    discard.addEventListener("click", () => this.#close());
    const buttons = Object.assign(document.createElement("div"), { className: "buttons" });
    buttons.append(trouble, this.#save, discard);
    form.append(fields, buttons);
    form.noValidate = true;
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    toggle.hidden = false;
    toggle.addEventListener("click", () => (this.open ? this.#close() : this.#start()));
    this.#restoreDraft();
  }

  /** Never in a page that is embedded: it has no editor. */
  get open() {
    return form !== null && !form.hidden;
  }

  get data() {
    return this.#drawn.data;
  }

  get layout() {
    return this.#drawn.layout;
  }

  /** The figure as it is to be drawn. */
  over(figure) {
    this.#drawn = this.#style.over(figure);
    return this.#drawn;
  }

  /** For plotly.js's configuration. */
  get edits() {
    return this.open ? DIRECT : {};
  }

  setLayout(changes) {
    this.#style.setLayout(changes);
    this.#changed();
  }

  setTrace(index, changes) {
    this.#style.setTrace(index, changes);
    this.#changed();
  }

  /** Listen to what is edited on the plot; plotly.js forgets its listeners when its configuration changes. */
  watch() {
    this.#gd.on("plotly_relayout", (changes) => this.#take(changes, DIRECT_LAYOUT, (found) => this.setLayout(found)));
    this.#gd.on("plotly_restyle", ([changes, indexes]) => {
      this.#take(changes, DIRECT_TRACE, (found) => indexes.forEach((index, at) => {
        this.setTrace(index, Object.fromEntries(Object.entries(found).map(([key, value]) => [key, Array.isArray(value) ? value[at] : value])));
      }));
    });
  }

  #take(changes, wanted, give) {
    if (!this.open) return;
    const found = Object.fromEntries(Object.entries(changes).filter(([key]) => wanted.test(key)));
    if (Object.keys(found).length) give(found);
  }

  /** After each drawing: the fields show what is drawn. */
  show() {
    if (!this.open) return;
    const now = shape(this.#gd, this);
    if (now !== this.#shape) this.#rebuild(now);
    for (const group of this.#groups) group.show();
    this.#save.disabled = this.#style.isEmpty && role !== "visitor";
  }

  #rebuild(now) {
    this.#shape = now;
    this.#groups = groups(this.#gd, this);
    const hint = Object.assign(document.createElement("p"), { className: "hint", textContent: HINT });
    fields.replaceChildren(hint, ...this.#groups.map((group) => group.element));
  }

  #changed() {
    this.#say("");
    this.#onChange();
  }

  #start() {
    form.hidden = false;
    toggle.setAttribute("aria-expanded", "true");
    this.#onChange();
  }

  #close(saved) {
    this.#style = new Style();
    this.#shape = "";
    this.#say("");
    form.hidden = true;
    toggle.setAttribute("aria-expanded", "false");
    this.#onChange(saved);
  }

  #say(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  async #submit() {
    if (role === "guest") {
      sessionStorage.setItem(DRAFT, JSON.stringify(this.#style));
      location.assign(login);
      return;
    }
    this.#save.disabled = true;
    try {
      const answer = await this.#post(role === "owner" ? "style" : "copy");
      if (role === "owner") this.#close(this.#style);
      else location.assign(answer.path);
    } catch (error) {
      this.#say(error.message);
    } finally {
      this.#save.disabled = false;
    }
  }

  async #post(what) {
    const url = `${location.pathname.replace(/\/$/, "")}/${what}${location.search}`;
    const body = JSON.stringify(this.#style);
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {
      throw new Error("The endpoint cannot be reached: try again.");
    });
    const answer = await response.json().catch(() => ({ error: `the endpoint answered ${response.status}` }));
    if (answer.error) throw new Error(`Not saved: ${answer.error}`);
    return answer;
  }

  #restoreDraft() {
    const draft = sessionStorage.getItem(DRAFT);
    sessionStorage.removeItem(DRAFT);
    if (!draft || role === "guest") return;
    this.#style = new Style(JSON.parse(draft));
    form.hidden = false;
    toggle.setAttribute("aria-expanded", "true");
  }
}
