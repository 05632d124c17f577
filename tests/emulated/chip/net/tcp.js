// TCP between the board and programs on this machine: finds the connection of a segment, opens new ones both ways.
import net from 'node:net';
import { BOARD, HOST, hostFor } from './addresses.js';
import { Flow } from './flow.js';
import { PROTOCOL } from './ipv4.js';
import { build, FLAG, parse, plus } from './segment.js';

const LARGEST_WINDOW = 65535;
const FIRST_FORWARDED_PORT = 40000;
const SOCKET = { noDelay: true, allowHalfOpen: true };

export class Tcp {
  stalled = false; // the programs on this machine stop reading
  counts = { retransmitted: 0 };
  #ipv4;
  #flows = new Map();
  #opened = 0;
  #servers = [];

  /** @param {number} window the most that the board may send unread, in bytes */
  constructor(ipv4, timers, window) {
    this.#ipv4 = ipv4;
    this.timers = timers;
    this.setWindow(window);
    ipv4.handlers[PROTOCOL.TCP] = (source, destination, packet) => this.#receive(source, destination, parse(packet));
  }

  /** Connections to 127.0.0.1:hostPort go to the board's boardPort. */
  forward(hostPort, boardPort) {
    const server = net.createServer({ ...SOCKET, pauseOnConnect: true }, (socket) => {
      const ends = { board: BOARD, boardPort, far: HOST, farPort: FIRST_FORWARDED_PORT + (this.#opened % 20000) };
      this.#open(ends, socket).connect();
    });
    server.listen(hostPort, '127.0.0.1');
    this.#servers.push(server);
  }

  setWindow(bytes) {
    this.window = Math.min(bytes, LARGEST_WINDOW);
  }

  setStalled(stalled) {
    this.stalled = stalled;
    if (!stalled) for (const flow of this.#flows.values()) flow.release();
  }

  resetAll() {
    for (const flow of [...this.#flows.values()]) flow.reset();
  }

  close() {
    for (const server of this.#servers) server.close();
    for (const flow of [...this.#flows.values()]) flow.drop();
  }

  status() {
    const held = [...this.#flows.values()].reduce((sum, flow) => sum + flow.held, 0);
    return { ...this.counts, flows: this.#flows.size, held };
  }

  // ---- for flows

  initialSequence() {
    this.#opened += 1;
    return this.#opened << 16;
  }

  send(segment) {
    this.#ipv4.send(PROTOCOL.TCP, segment.source, segment.destination, build(segment));
  }

  forget(ends) {
    this.#flows.delete(key(ends));
  }

  // ----

  #receive(source, destination, segment) {
    const ends = { board: source, boardPort: segment.sourcePort, far: destination, farPort: segment.port };
    const isOpening = (segment.flags & (FLAG.SYN | FLAG.ACK)) === FLAG.SYN;
    const flow = this.#flows.get(key(ends));
    if (isOpening) this.#accept(ends, segment, flow);
    else if (flow) flow.receive(segment);
    else if (!(segment.flags & FLAG.RST)) this.#refuse(ends, segment);
  }

  #accept(ends, syn, existing) {
    if (existing?.opening === syn.sequence) return; // repeated
    existing?.drop(); // the board was restarted and took the same port again
    const address = hostFor(ends.far);
    if (!address) return this.#refuse(ends, syn);
    this.#open(ends, net.connect({ ...SOCKET, host: address, port: ends.farPort })).accept(syn);
  }

  #open(ends, socket) {
    const flow = new Flow(this, ends, socket);
    this.#flows.set(key(ends), flow);
    return flow;
  }

  /** Answers a segment of no connection with a reset (RFC 9293, 3.10.7.1). */
  #refuse({ board, boardPort, far, farPort }, segment) {
    const length = segment.data.length + (segment.flags & FLAG.SYN ? 1 : 0) + (segment.flags & FLAG.FIN ? 1 : 0);
    this.send({
      source: far,
      sourcePort: farPort,
      destination: board,
      port: boardPort,
      sequence: segment.flags & FLAG.ACK ? segment.acknowledgement : 0,
      acknowledgement: plus(segment.sequence, length),
      flags: FLAG.RST | FLAG.ACK,
      window: 0,
    });
  }
}

function key({ boardPort, far, farPort }) {
  return `${boardPort}>${far}:${farPort}`;
}
