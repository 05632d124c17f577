// One TCP connection of the board: TCP segments towards the board, a node socket towards this machine.
//
// Our end of TCP is plain: segments in order only, one retransmission timer that doubles, fast retransmission at the third
// duplicate acknowledgement, no congestion control, no options but MSS. The window we advertise is what the program on this
// machine has yet to read, so back-pressure is real.
import { distance, FLAG, plus } from './segment.js';

const MSS = 1460;
const FIRST_TIMEOUT_MS = 300;
const LONGEST_TIMEOUT_MS = 4000;
const PROBE_MS = 500; // how often a closed window is asked whether it has opened
const DUPLICATES = 3;
const RETRANSMITTED_AT_ONCE = 2;
const HOST_QUEUE_BYTES = 64 << 10; // read ahead from the program on this machine

/** Until both ends have agreed; then ESTABLISHED to the end. */
const STATE = { CONNECTING: 'connecting', SYN_RECEIVED: 'syn-received', SYN_SENT: 'syn-sent', ESTABLISHED: 'established' };

export class Flow {
  opening = null; // the sequence number of the board's SYN, until the connection stands: another such one is of another life
  held = 0; // bytes taken from the board and kept back while the receiver is stalled
  #tcp;
  #ends; // {board, boardPort, far, farPort}
  #socket;
  #state;
  #mss = MSS;
  // from the board
  #receiveNext = 0;
  #advertised = 0;
  #kept = [];
  #boardEnded = false;
  // to the board
  #initial;
  #unacknowledged; // SND.UNA
  #sendNext; // SND.NXT
  #sendWindow = 0;
  #queue = [];
  #queueBytes = 0;
  #inFlight = []; // {sequence, flags, data, end}
  #hostEnded = false;
  #finSent = false;
  #duplicates = 0;
  #timeout = FIRST_TIMEOUT_MS;
  #retransmission;
  #probe;

  constructor(tcp, ends, socket) {
    this.#tcp = tcp;
    this.#ends = ends;
    this.#socket = socket;
    this.#initial = tcp.initialSequence();
    this.#unacknowledged = this.#initial;
    this.#sendNext = this.#initial;
    this.#retransmission = tcp.timers.create(() => this.#retransmitLater());
    this.#probe = tcp.timers.create(() => this.#probeWindow());
    socket.on('error', () => {}); // 'close' follows and says so
    socket.on('close', (failed) => this.#hostClosed(failed));
    socket.on('data', (data) => this.#fromHost(data));
    socket.on('end', () => this.#hostEnd());
  }

  /** The board asks for a connection; `socket` is on its way to the program that shall have it. */
  accept(syn) {
    this.#state = STATE.CONNECTING;
    this.opening = syn.sequence;
    this.#synchronize(syn);
    this.#socket.on('connect', () => {
      this.#state = STATE.SYN_RECEIVED;
      this.#transmit(FLAG.SYN | FLAG.ACK);
    });
  }

  /** A program on this machine, on `socket`, asks the board for a connection. */
  connect() {
    this.#state = STATE.SYN_SENT;
    this.#transmit(FLAG.SYN);
  }

  receive(segment) {
    if (segment.flags & FLAG.RST) return this.drop();
    if (segment.flags & FLAG.SYN) return this.#receiveSyn(segment);
    this.#sendWindow = segment.window;
    if (segment.flags & FLAG.ACK) this.#acknowledge(segment);
    if (segment.data.length) this.#takeData(segment);
    else if (distance(segment.sequence, this.#receiveNext) < 0) this.#send(FLAG.ACK); // a keep-alive, or asked for the window
    if (segment.flags & FLAG.FIN) this.#takeFin(segment);
    this.#pump();
    if (this.#boardEnded && this.#finSent && !this.#inFlight.length) this.#forget();
  }

  /** Both ends are told that the connection is broken. */
  reset() {
    this.#send(FLAG.RST | FLAG.ACK);
    this.drop();
  }

  /** Forgotten without a word to the board; the program on this machine sees a reset. */
  drop() {
    this.#forget();
    this.#socket.resetAndDestroy();
  }

  /** The receiver reads again: what was kept back is passed on. */
  release() {
    const kept = this.#kept;
    this.#kept = [];
    this.held = 0;
    for (const data of kept) this.#write(data);
    if (this.#boardEnded) this.#socket.end();
    this.#announceWindow();
  }

  // ---- from the board

  #synchronize(syn) {
    this.#receiveNext = plus(syn.sequence, 1);
    this.#sendWindow = syn.window;
    this.#mss = Math.min(syn.mss, MSS);
  }

  #receiveSyn(segment) {
    if (this.#state !== STATE.SYN_SENT) return; // repeated; our own SYN is repeated too
    this.#synchronize(segment);
    this.#acknowledge(segment);
    this.#send(FLAG.ACK);
    this.#socket.resume();
  }

  #acknowledge({ acknowledgement, data }) {
    if (distance(acknowledgement, this.#unacknowledged) < 0 || distance(acknowledgement, this.#sendNext) > 0) return;
    if (acknowledgement === this.#unacknowledged) {
      if (!data.length) this.#countDuplicate();
      return;
    }
    this.#unacknowledged = acknowledgement;
    this.#duplicates = 0;
    this.#timeout = FIRST_TIMEOUT_MS;
    while (this.#inFlight.length && distance(this.#inFlight[0].end, acknowledgement) <= 0) this.#inFlight.shift();
    if (this.#inFlight.length) this.#retransmission.start(this.#timeout);
    else this.#retransmission.stop();
    this.#state = STATE.ESTABLISHED;
    this.opening = null;
  }

  #countDuplicate() {
    this.#duplicates += this.#inFlight.length ? 1 : 0;
    if (this.#duplicates === DUPLICATES) this.#retransmit();
  }

  #takeData({ sequence, data }) {
    const known = distance(this.#receiveNext, sequence);
    if (known >= 0 && known < data.length) this.#passOn(data.subarray(known, known + this.#window()));
    this.#send(FLAG.ACK);
  }

  #passOn(data) {
    if (!data.length) return;
    this.#receiveNext = plus(this.#receiveNext, data.length);
    if (this.#tcp.stalled) {
      this.#kept.push(data);
      this.held += data.length;
    } else {
      this.#write(data);
    }
  }

  #write(data) {
    if (this.#socket.writable) this.#socket.write(data, () => this.#announceWindow());
  }

  #takeFin({ sequence, data }) {
    if (this.#boardEnded || plus(sequence, data.length) !== this.#receiveNext) return;
    this.#boardEnded = true;
    this.#receiveNext = plus(this.#receiveNext, 1);
    if (!this.#tcp.stalled) this.#socket.end();
    this.#send(FLAG.ACK);
  }

  // ---- from this machine

  #fromHost(data) {
    this.#queue.push(data);
    this.#queueBytes += data.length;
    if (this.#queueBytes > HOST_QUEUE_BYTES) this.#socket.pause();
    this.#pump();
  }

  #hostEnd() {
    this.#hostEnded = true;
    this.#pump();
  }

  #hostClosed(failed) {
    if (failed || this.#state === STATE.CONNECTING) {
      this.#send(FLAG.RST | FLAG.ACK);
      this.#forget();
    }
  }

  /** Tells the board when the window, of which less than half was left, has opened again. */
  #announceWindow() {
    const half = this.#tcp.window / 2;
    if (this.#state === STATE.ESTABLISHED && this.#advertised < half && this.#window() >= half) this.#send(FLAG.ACK);
  }

  // ---- to the board

  /** Sends what the board's window has room for, then the end. */
  #pump() {
    if (this.#state !== STATE.ESTABLISHED) return;
    while (this.#queue.length && this.#room() > 0) {
      const data = this.#queue[0].subarray(0, Math.min(this.#room(), this.#mss));
      if (data.length === this.#queue[0].length) this.#queue.shift();
      else this.#queue[0] = this.#queue[0].subarray(data.length);
      this.#queueBytes -= data.length;
      this.#transmit(FLAG.PSH | FLAG.ACK, data);
    }
    if (this.#socket.isPaused() && this.#queueBytes < HOST_QUEUE_BYTES) this.#socket.resume();
    if (this.#hostEnded && !this.#queue.length && !this.#finSent) {
      this.#finSent = true;
      this.#transmit(FLAG.FIN | FLAG.ACK);
    }
    if (this.#queue.length && !this.#inFlight.length) this.#probe.start(PROBE_MS);
  }

  #room() {
    return this.#sendWindow - distance(this.#sendNext, this.#unacknowledged);
  }

  /** Sends something that takes sequence numbers, and again until it is acknowledged. */
  #transmit(flags, data = Buffer.alloc(0)) {
    const sequence = this.#sendNext;
    const length = data.length + (flags & (FLAG.SYN | FLAG.FIN) ? 1 : 0);
    this.#sendNext = plus(sequence, length);
    if (!this.#inFlight.length) this.#retransmission.start(this.#timeout);
    this.#inFlight.push({ sequence, flags, data, end: this.#sendNext });
    this.#send(flags, sequence, data);
  }

  #retransmitLater() {
    this.#timeout = Math.min(this.#timeout * 2, LONGEST_TIMEOUT_MS);
    this.#retransmission.start(this.#timeout);
    this.#retransmit();
  }

  #retransmit() {
    this.#tcp.counts.retransmitted += 1;
    for (const { flags, sequence, data } of this.#inFlight.slice(0, RETRANSMITTED_AT_ONCE)) this.#send(flags, sequence, data);
  }

  /** A sequence number that the board has seen already: it answers with its window. */
  #probeWindow() {
    if (!this.#queue.length || this.#inFlight.length) return;
    if (this.#sendWindow > 0) return this.#pump();
    this.#send(FLAG.ACK, plus(this.#sendNext, -1));
    this.#probe.start(PROBE_MS);
  }

  #send(flags, sequence = this.#sendNext, data = undefined) {
    const isFirst = flags === FLAG.SYN;
    this.#advertised = this.#window();
    this.#tcp.send({
      source: this.#ends.far,
      sourcePort: this.#ends.farPort,
      destination: this.#ends.board,
      port: this.#ends.boardPort,
      sequence,
      acknowledgement: isFirst ? 0 : this.#receiveNext,
      flags,
      window: this.#advertised,
      mss: flags & FLAG.SYN ? MSS : undefined,
      data,
    });
  }

  #window() {
    return Math.max(0, this.#tcp.window - this.#socket.writableLength - this.held);
  }

  // ---- the end

  #forget() {
    this.#retransmission.stop();
    this.#probe.stop();
    this.#socket.removeAllListeners('close');
    this.#tcp.forget(this.#ends);
  }
}
