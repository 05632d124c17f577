// The emulated Pico W's WiFi chip, seen from the board: serves "bkpt #0xe0" of ../firmware/pico_w/radio/emulator.h.
import { NANOS_PER_CYCLE } from './chip.js';
import { Memory } from './memory.js';

/** What the board may be told besides frames; the numbers stand in ../firmware/pico_w/radio/emulator.h too. */
const EVENT = { UP: -1, DOWN: -2, NO_NETWORK: -3, BAD_KEY: -4, SCAN_RESULT: -5, SCAN_DONE: -6 };

export const MAC = Buffer.from([0x28, 0xcd, 0xc1, 0, 0, 1]); // Raspberry Pi's prefix

const SCAN_WPA2 = 5; // WLAN.scan()'s security, as the real driver counts
const WL_HOST_WAKE = 24; // the GPIO that says: the radio has something to say
const NANOS_PER_MICRO = 1000;

export class Radio {
  #accessPoint;
  #frameCycles;
  #queue = []; // frames (Buffer), events (number), scan results ({event, data})
  #mcu = null;
  #memory = null;
  #operations;

  /**
   * @param accessPoint an AccessPoint
   * @param {number} frameMicros time that a frame keeps the core busy on the bus of the real radio
   */
  constructor(accessPoint, frameMicros) {
    this.#accessPoint = accessPoint;
    this.onDelivery = () => {}; // there is something for the board, which may be asleep
    this.#frameCycles = (frameMicros * NANOS_PER_MICRO) / NANOS_PER_CYCLE;
    this.#operations = [
      this.#mac, this.#send, this.#next, this.#join, this.#leave, this.#scan, this.#rssi, // in the order of emulator.h
    ];
    accessPoint.station = {
      frame: (bytes) => this.#deliver(bytes),
      up: () => this.#deliver(EVENT.UP),
      down: () => this.#deliver(EVENT.DOWN),
      noNetwork: () => this.#deliver(EVENT.NO_NETWORK),
      badKey: () => this.#deliver(EVENT.BAD_KEY),
      scanResult: (network) => this.#deliver({ event: EVENT.SCAN_RESULT, data: scanResult(network) }),
      scanDone: () => this.#deliver(EVENT.SCAN_DONE),
    };
  }

  attach(mcu) {
    this.#mcu = mcu;
    this.#memory = new Memory(mcu);
    this.#queue = [];
  }

  serve() {
    const r = this.#mcu.core.registers;
    r[0] = this.#operations[r[0]].call(this, r[1], r[2], r[3]) | 0;
  }

  #deliver(item) {
    this.#queue.push(item);
    this.#mcu.gpio[WL_HOST_WAKE].setInputValue(true);
    this.onDelivery();
  }

  #mac(address) {
    this.#memory.write(address, MAC);
    return 0;
  }

  #send(address, length) {
    this.#mcu.core.cycles += this.#frameCycles;
    this.#accessPoint.send(Buffer.from(this.#memory.read(address, length)));
    return 0;
  }

  #next(address) {
    const item = this.#queue.shift();
    if (item === undefined) {
      this.#mcu.gpio[WL_HOST_WAKE].setInputValue(false);
      return 0;
    }
    if (typeof item === 'number') return item;
    if (item.event === EVENT.SCAN_RESULT) {
      this.#memory.write(address, item.data);
      return item.event;
    }
    this.#mcu.core.cycles += this.#frameCycles;
    this.#memory.write(address, item);
    return item.length;
  }

  #join(ssid, key, lengths) {
    const [ssidLength, keyLength] = this.#memory.read(lengths, 2);
    this.#accessPoint.join(this.#text(ssid, ssidLength), this.#text(key, keyLength));
    return 0;
  }

  #leave() {
    this.#accessPoint.leave();
    return 0;
  }

  #scan() {
    this.#accessPoint.scan();
    return 0;
  }

  #rssi() {
    return this.#accessPoint.rssi;
  }

  #text(address, length) {
    return length ? Buffer.from(this.#memory.read(address, length)).toString() : '';
  }
}

/** A cyw43_ev_scan_result_t. */
function scanResult({ bssid, name, isOpen, channel, rssi }) {
  const result = Buffer.alloc(46);
  const ssid = Buffer.from(name).subarray(0, 32);
  result.set(bssid, 0);
  result[6] = ssid.length;
  result.set(ssid, 7);
  result[39] = isOpen ? 0 : SCAN_WPA2;
  result.writeUInt16LE(channel, 40);
  result.writeInt16LE(rssi, 42);
  return result;
}
