// The emulated Pico W's WiFi chip, seen from the board: serves "bkpt #0xe0" of ../firmware/pico_w/radio/emulator.h.
import { NANOS_PER_CYCLE } from './chip.js';
import { Memory } from './memory.js';
import { EVENT } from './net/access-point.js';

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
    accessPoint.deliver = (item) => this.#deliver(item);
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
    this.#memory.write(address, this.#accessPoint.stationMac);
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
