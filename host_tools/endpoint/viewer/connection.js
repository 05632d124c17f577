// A WebSocket that comes back by itself.

const FIRST_MS = 500;
const FACTOR = 1.8;
const LONGEST_MS = 15000;
// The endpoint says something every 15 s. A server that lost its power says nothing, and no browser notices.
const SILENCE_MS = 40000;

export class Connection {
  #socket = null;
  #timer = 0;
  #delay = FIRST_MS;

  /** `onMessage` gets each parsed message; `onLost` is called whenever the connection is gone, with the code of its end if there is one. */
  constructor(url, onMessage, onLost) {
    this.url = url;
    this.onMessage = onMessage;
    this.onLost = onLost;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.reopen();
  }

  /** Starts afresh at once; the endpoint begins every connection with a snapshot. */
  reopen() {
    this.#drop();
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#watch();
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#delay = FIRST_MS;
      this.#watch();
      this.onMessage(JSON.parse(data));
    };
    socket.onclose = ({ code }) => socket === this.#socket && this.#lose(code);
  }

  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose(code) {
    this.#drop();
    this.onLost(code);
    const jitter = 0.5 + Math.random() / 2;
    this.#timer = setTimeout(() => this.reopen(), this.#delay * jitter);
    this.#delay = Math.min(this.#delay * FACTOR, LONGEST_MS);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** The network is back or somebody looks at the page again: no need to sit out the delay. */
  #hurry() {
    if (this.#socket === null) this.reopen();
  }
}
