// The WiFi network: who may join, whether the link stands, and what the air does to frames (delay, loss).
import { BOARD_MAC } from './addresses.js';

/** What the radio may be told besides frames; the numbers stand in ../../firmware/pico_w/radio/emulator.h too. */
export const EVENT = { UP: -1, DOWN: -2, NO_NETWORK: -3, BAD_KEY: -4, SCAN_RESULT: -5, SCAN_DONE: -6 };

const SCAN_MS = 50;
const CHANNEL = 6;
const SCAN_WPA2 = 5; // WLAN.scan()'s security, as the real driver counts

export class AccessPoint {
  stationMac = BOARD_MAC;
  associated = false;
  counts = { sent: 0, received: 0, sent_bytes: 0, received_bytes: 0, lost: 0 }; // the board sent, the board received
  #timers;
  #pcap;
  #random;

  /**
   * @param settings {ssid, hidden, key, join_ms, rssi, delay, loss, seed}: hidden keeps the name out of the beacons, key null lets
   *   everyone in, delay is ms each way, loss 0 to 1
   * @param pcap a Pcap or null
   */
  constructor(settings, timers, pcap) {
    Object.assign(this, settings);
    this.#timers = timers;
    this.#pcap = pcap;
    this.#random = generator(settings.seed);
    this.deliver = () => {}; // to the board's radio: a frame or an event
    this.onFrame = () => {}; // from the board, after delay and loss
  }

  join(ssid, key) {
    this.associated = false;
    this.#timers.after(this.join_ms, () => {
      if (ssid !== this.ssid) return this.deliver(EVENT.NO_NETWORK);
      if (this.key !== null && key !== this.key) return this.deliver(EVENT.BAD_KEY);
      return this.setLink(true);
    });
  }

  leave() {
    this.associated = false;
  }

  setLink(up) {
    this.associated = up;
    this.deliver(up ? EVENT.UP : EVENT.DOWN);
  }

  scan() {
    this.#timers.after(SCAN_MS, () => {
      this.deliver({ event: EVENT.SCAN_RESULT, data: this.#scanResult() });
      this.deliver(EVENT.SCAN_DONE);
    });
  }

  /** A frame from the board. */
  send(frame) {
    this.counts.sent += 1;
    this.counts.sent_bytes += frame.length;
    this.#overTheAir(frame, () => this.onFrame(frame));
  }

  /** A frame to the board. */
  receive(frame) {
    this.#overTheAir(frame, () => {
      this.counts.received += 1;
      this.counts.received_bytes += frame.length;
      this.deliver(frame);
    });
  }

  #overTheAir(frame, arrive) {
    if (!this.associated) return;
    this.#pcap?.write(this.#timers.now(), frame);
    if (this.loss && this.#random() < this.loss) {
      this.counts.lost += 1;
      return;
    }
    if (!this.delay) return arrive();
    this.#timers.after(this.delay, () => this.associated && arrive());
  }

  /** A cyw43_ev_scan_result_t. */
  #scanResult() {
    const result = Buffer.alloc(46);
    const name = Buffer.from(this.hidden ? '' : this.ssid).subarray(0, 32);
    result.set([2, 0, 0, 0, 0, 1], 0); // bssid
    result[6] = name.length;
    result.set(name, 7);
    result[39] = this.key === null ? 0 : SCAN_WPA2;
    result.writeUInt16LE(CHANNEL, 40);
    result.writeInt16LE(this.rssi, 42);
    return result;
  }
}

/** Random numbers from 0 to 1, the same for the same seed (a linear congruential generator). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
