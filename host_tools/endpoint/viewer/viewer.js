// The live page: puts connection, figure and drawing together, and tells how the stream is.

import { Actions } from "./actions.js";
import { ago } from "./ago.js";
import { Connection } from "./connection.js";
import { met, zoneName } from "./dates.js";
import { drawable } from "./drawable.js";
import { Editor } from "./editor.js";
import { applyDelta, isEmpty, prepareFigure } from "./figure.js";
import { withGaps } from "./gaps.js";
import { fitHeight } from "./height.js";
import { Pacer } from "./pacer.js";
import { isForbidden, reloadWider } from "./policy.js";
import { keepHidden, replacesLegend, showReadouts } from "./readouts.js";
import { ground, onChange, template } from "./theme.js";
import { watchTime, withTime } from "./timeaxis.js";

const WORDS = { connecting: "connecting", live: "live", waiting: "waiting", ended: "stream ended", none: "no stream", reconnecting: "reconnecting", gone: "gone" };
const GONE = 4404; // as in pages.py
const GONE_TEXT = "This plot was deleted, or is not shown to you any more.";
const UNHEARD_TEXT = "No live connection yet. Does the endpoint run, and does every proxy on the way to it pass WebSockets on?";
const MANY_LOSSES = 3;
const CONFIG = {
  displaylogo: false, showTips: false, doubleClick: "reset+autosize",
  // plotly.js would offer to upload the readings to Plotly's own servers.
  showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["sendDataToCloud", "select2d", "lasso2d", "autoScale2d"],
};

const element = (id) => document.querySelector(id);
const gd = element("#plot");
const state = element("#state");
const follow = element("#follow");

const stream = { connected: false, gone: false, live: false, last: null, behind: 0 };
let losses = 0; // of the connection
let seq = null; // of the newest delta; null until there is a snapshot
let figure = null; // as the endpoint tells it; what plotly.js adds stays out of the layout
let edited = null; // plotly.js is set up for editing on the plot; null until it draws

function streamState() {
  if (stream.live) return "live";
  if (stream.last !== null) return "ended";
  return figure?.data.some((trace) => trace.stream) ? "waiting" : "none";
}

function showState() {
  const now = stream.connected ? streamState() : stream.gone ? "gone" : seq === null ? "connecting" : "reconnecting";
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

function say(id, text) {
  element(id).hidden = !text;
  if (element(id).textContent !== text) element(id).textContent = text;
}

const notify = (text) => say("#notice", text);

/** The layout with what this page adds. A copy: plotly.js writes into what it gets. */
function styledLayout(shown, drawings) {
  const layout = structuredClone(withTime(gd, shown, !follow.hidden));
  if (layout.title?.text === element("h1")?.textContent && !editor.open) delete layout.title; // it stands in the heading already
  return {
    ...layout,
    template: template(shown, editor.open),
    showlegend: layout.showlegend ?? (replacesLegend(shown.data) ? false : undefined),
    uirevision: layout.uirevision ?? "keep the viewer's zoom",
    datarevision: drawings, // the arrays change in place
    autosize: true, width: undefined, height: undefined,
  };
}

/** A zoomed plot does not move along with the stream; one press brings it back. */
function watchZoom() {
  gd.on("plotly_relayout", (change) => {
    const keys = Object.keys(change);
    const zoomed = keys.some((key) => /axis\d*\.range/.test(key));
    if (!zoomed && !keys.some((key) => /axis\d*\.autorange$/.test(key))) return;
    follow.hidden = !zoomed;
    pacer.request();
  });
}

function showEverything() {
  const axes = Object.keys(gd._fullLayout).filter((key) => /^[xy]axis\d*$/.test(key));
  Plotly.relayout(gd, Object.fromEntries(axes.map((axis) => [`${axis}.autorange`, true])));
}

/** What is drawn of the figure, with the changes of the viewer and of whoever restyles it, and what is left out. */
function shownFigure() {
  const { figure: known, remarks } = drawable(actions.over(figure), ground(figure.layout));
  const shown = editor.over(known);
  return [{ ...shown, data: keepHidden(shown.data) }, remarks];
}

const drawnTrace = (shown) => (shown.layout.meta?.gaps === false ? (trace) => trace : withGaps);

let drawings = 0;

async function draw() {
  if (isForbidden(figure.data) && reloadWider()) return;
  try {
    const [shown, remarks] = shownFigure();
    const editing = editor.open;
    fitHeight(gd, shown.layout);
    const layout = styledLayout(shown, ++drawings);
    await Plotly.react(gd, { ...shown, data: shown.data.map(drawnTrace(shown)), layout, config: { ...CONFIG, edits: editor.edits } });
    if (editing !== edited) listen(editing);
    showReadouts(gd, shown.data);
    editor.show();
    showZone();
    say("#remarks", [...(stream.trouble ? [sentence(stream.trouble)] : []), ...remarks].join(" "));
    notify(stream.gone ? GONE_TEXT : isEmpty(figure.data) ? "Waiting for the first reading" : "");
  } catch (error) {
    console.error(error);
    notify("plotly.js cannot draw this figure");
  }
}

/** plotly.js forgets its listeners, and the zoom, whenever its configuration changes. */
function listen(editing) {
  edited = editing;
  follow.hidden = true;
  watchZoom();
  watchTime(gd);
  actions.watch();
  editor.watch();
}

const pacer = new Pacer(draw);
const actions = new Actions(gd, () => pacer.request());
const editor = new Editor(gd, (saved) => {
  if (saved) figure = saved.over(figure);
  if (figure) pacer.request();
});

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

function noteTrouble({ type, trouble }) {
  if (type === "delta" || trouble === stream.trouble) return;
  stream.trouble = trouble;
  pacer.request();
}

function noteTimes({ last, live, now }) {
  if (last !== undefined) stream.last = last;
  if (live !== undefined) stream.live = live;
  if (now !== undefined) stream.behind = now - Date.now();
}

const HANDLERS = {
  snapshot(message) {
    seq = message.seq;
    const renewed = prepareFigure(message.figure);
    if (figure) actions.renew(figure, renewed);
    figure = renewed;
    pacer.request();
  },
  delta(message) {
    if (message.seq !== seq + 1) return connection.reopen(); // a gap: begin with a new snapshot
    seq = message.seq;
    applyDelta(figure, message);
    pacer.request();
  },
  status() {},
};

function onMessage(message) {
  stream.connected = true;
  stream.gone = false;
  noteTimes(message);
  noteTrouble(message);
  HANDLERS[message.type]?.(message);
  showState();
  showAge();
}

function onLost(code) {
  stream.connected = false;
  stream.gone ||= code === GONE;
  losses += 1;
  if (stream.gone) notify(GONE_TEXT);
  else if (seq === null && losses >= MANY_LOSSES) notify(UNHEARD_TEXT);
  showState();
}

const socketUrl = new URL(`${location.pathname.replace(/\/$/, "")}/ws${location.search}`, location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
const connection = new Connection(socketUrl, onMessage, onLost);

setInterval(showAge, 1000);
follow.addEventListener("click", showEverything);
new ResizeObserver(() => drawings && Plotly.Plots.resize(gd)).observe(gd);
onChange(() => figure && pacer.request());
