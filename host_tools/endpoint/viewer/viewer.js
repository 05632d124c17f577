// The live page: puts connection, figure and drawing together, and tells how the stream is.

import { ago } from "./ago.js";
import { Connection } from "./connection.js";
import { met, zoneName } from "./dates.js";
import { applyToTrace, isEmpty, prepareFigure, prepareLayout, set } from "./figure.js";
import { Pacer } from "./pacer.js";
import { keepHidden, replacesLegend, showReadouts } from "./readouts.js";
import { onChange, template } from "./theme.js";

const WORDS = { connecting: "connecting", live: "live", waiting: "waiting", ended: "stream ended", reconnecting: "reconnecting" };
const CONFIG = {
  displaylogo: false, doubleClick: "reset+autosize",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

const element = (id) => document.querySelector(id);
const gd = element("#plot");
const state = element("header .state");
const follow = element("#follow");

const stream = { connected: false, live: false, last: null, behind: 0 };
let seq = null; // of the newest delta; null until there is a snapshot
let snapshot = null; // a figure not drawn yet
let layoutChanges = {};
let ownLayout = {}; // the newest snapshot's, without what this page adds

function showState() {
  const streamState = stream.live ? "live" : stream.last === null ? "waiting" : "ended";
  const now = stream.connected ? streamState : seq === null ? "connecting" : "reconnecting";
  if (state.dataset.state === now) return; // a live region must not speak without need
  state.dataset.state = now;
  state.textContent = WORDS[now];
}

function showAge() {
  element("#last").textContent = stream.last === null ? "" : `Last point ${ago(Date.now() + stream.behind - stream.last)}`;
}

function showZone() {
  element("#zone").textContent = met.zoned ? `Times in ${zoneName()}` : met.zoneless ? "Times as they were sent" : "";
}

function notify(text) {
  element("#notice").hidden = !text;
  element("#notice").textContent = text;
}

const styled = (figure) => ({
  ...figure.layout,
  template: template(figure.layout),
  showlegend: figure.layout.showlegend ?? (replacesLegend(figure.data) ? false : undefined),
  uirevision: figure.layout.uirevision ?? "keep the viewer's zoom",
  autosize: true, width: undefined, height: undefined,
});

async function drawSnapshot(figure) {
  const first = !gd.layout;
  ownLayout = figure.layout;
  await Plotly.react(gd, figure.data, styled(figure), CONFIG);
  if (first) watchZoom();
}

/** A zoomed plot does not move along with the stream; one press brings it back. */
function watchZoom() {
  gd.on("plotly_relayout", (change) => {
    const keys = Object.keys(change);
    if (keys.some((key) => /axis\d*\.range/.test(key))) follow.hidden = false;
    else if (keys.some((key) => /axis\d*\.autorange$/.test(key))) follow.hidden = true;
  });
  follow.addEventListener("click", () => {
    const axes = Object.keys(gd._fullLayout).filter((key) => /^[xy]axis\d*$/.test(key));
    Plotly.relayout(gd, Object.fromEntries(axes.map((axis) => [`${axis}.autorange`, true])));
  });
}

/** The arrays have changed in place: one recalculation and one drawing, whatever there is. */
async function drawChanges() {
  const changes = layoutChanges;
  layoutChanges = {};
  if (Object.keys(changes).length === 0) return Plotly.redraw(gd);
  for (const [key, value] of Object.entries(changes)) set(ownLayout, key, value);
  return Plotly.relayout(gd, { ...changes, template: template(ownLayout) });
}

async function draw() {
  try {
    if (snapshot) {
      const figure = snapshot;
      snapshot = null;
      await drawSnapshot(figure);
    } else {
      await drawChanges();
    }
    showReadouts(gd);
    showZone();
    notify(isEmpty(gd.data) ? "Waiting for the first reading" : "");
  } catch (error) {
    console.error(error);
    notify("plotly.js cannot draw this figure");
  }
}

const pacer = new Pacer(draw);

function noteTimes({ last, live, now }) {
  if (last !== undefined) stream.last = last;
  if (live !== undefined) stream.live = live;
  if (now !== undefined) stream.behind = now - Date.now();
}

const HANDLERS = {
  snapshot({ figure, seq: number }) {
    seq = number;
    snapshot = prepareFigure(figure);
    keepHidden(snapshot.data);
    layoutChanges = {};
    pacer.request();
  },
  delta(message) {
    if (message.seq !== seq + 1) return connection.reopen(); // a gap: begin with a new snapshot
    seq = message.seq;
    const data = (snapshot ?? gd).data;
    for (const change of message.traces ?? []) applyToTrace(data[change.i], change);
    for (const [key, value] of Object.entries(prepareLayout(message.layout ?? {}))) {
      delete layoutChanges[key]; // what was said last must come last
      layoutChanges[key] = value;
    }
    pacer.request();
  },
  status() {},
};

function onMessage(message) {
  stream.connected = true;
  noteTimes(message);
  HANDLERS[message.type]?.(message);
  showState();
  showAge();
}

function onLost() {
  stream.connected = false;
  showState();
}

const socketUrl = new URL(`${location.pathname.replace(/\/$/, "")}/ws`, location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
const connection = new Connection(socketUrl, onMessage, onLost);

setInterval(showAge, 1000);
new ResizeObserver(() => gd.layout && Plotly.Plots.resize(gd)).observe(gd);
onChange(() => gd.layout && Plotly.relayout(gd, { template: template(ownLayout) }));
