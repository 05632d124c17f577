// The WiFi network: who may join, whether the link stands, and what the air does to frames (delay, loss).

const SCAN_MS = 50;
const BSSID = Buffer.from([2, 0, 0, 0, 0, 1]);
const CHANNEL = 6;

export class AccessPoint {
  associated = false;
  /** The board's radio; each kind of board has its own. */
  station = {
    frame(bytes) {},
    up() {},
    down() {},
    noNetwork() {},
    badKey() {},
    scanResult(network) {}, // {bssid, name, isOpen, channel, rssi}
    scanDone() {},
  };
  counts = { sent: 0, received: 0, sent_bytes: 0, received_bytes: 0, lost: 0 }; // the board sent, the board received
  #timers;
  #pcap;
  #random;
  #attempt = null; // to join

  /**
   * @param settings {ssid, hidden, key, join_ms, rssi, delay, loss, seed}: hidden keeps the name out of the beacons, key null lets
   *   everyone in, delay is ms each way, loss 0 to 1
   * @param {Buffer} stationMac of the board's radio
   * @param pcap a Pcap or null
   */
  constructor(settings, stationMac, timers, pcap) {
    Object.assign(this, settings);
    this.stationMac = stationMac;
    this.#timers = timers;
    this.#pcap = pcap;
    this.#random = generator(settings.seed);
    this.onFrame = () => {}; // from the board, after delay and loss
  }

  join(ssid, key) {
    this.leave();
    this.#attempt = this.#timers.after(this.join_ms, () => {
      if (ssid !== this.ssid) return this.station.noNetwork();
      if (this.key !== null && key !== this.key) return this.station.badKey();
      return this.setLink(true);
    });
  }

  leave() {
    this.associated = false;
    this.#attempt?.stop();
  }

  setLink(up) {
    this.associated = up;
    if (up) this.station.up();
    else this.station.down();
  }

  scan() {
    this.#timers.after(SCAN_MS, () => {
      const name = this.hidden ? '' : this.ssid;
      this.station.scanResult({ bssid: BSSID, name, isOpen: this.key === null, channel: CHANNEL, rssi: this.rssi });
      this.station.scanDone();
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
      this.station.frame(frame);
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
}

/** Random numbers from 0 to 1, the same for the same seed (a linear congruential generator). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
