// An ESP32's board: starts the chip's process, anew after each reset, and holds what outlives that: power, pins, serial port, network.
import fs from 'node:fs';
import { Clock } from './clock.js';
import { CAUSE, Chip } from './chip.js';
import { Faults } from './faults.js';
import { Pins } from './pins.js';
import { MAC, Radio } from './radio.js';
import { greeting } from './rom.js';
import { choose } from '../control.js';
import { Network } from '../net/network.js';
import { Terminal } from '../terminal.js';

const RESTART_MS = 100; // from a reset to the program: ROM, boot loader; a port on USB is away meanwhile
const LONGEST_SLEEP_MS = 2 ** 31 - 1; // that node can time: 24 days
const UART = 'uart';

/** Powers it. Returns the commands and the status for ../control.js. */
export function startEsp32(settings) {
  const board = new Esp32(settings);
  board.powerOn();
  return [board.commands(), () => board.status()];
}

class Esp32 {
  #settings;
  #terminal;
  #network;
  #radio;
  #clock = new Clock();
  #pins = new Pins();
  #faults = new Faults();
  #powered = false;
  #chip = null; // null while none runs
  #gone = Promise.resolve(); // the process of the chip before
  #pause = null; // before the next life: {cause, timer}
  #cause = null; // of the present life, or the last one
  #untilCut = 0; // operations of flash; 0 is never
  #counts = { resets: 0, panics: 0, sleeps: 0, flash_erases: 0, flash_programs: 0 };

  constructor(settings) {
    this.#settings = settings;
    this.#terminal = new Terminal(settings.terminal, settings.port, (data) => this.#type(data));
    this.#network = new Network(settings.network, MAC);
    this.#network.attach(this.#clock);
    this.#radio = new Radio(this.#network.accessPoint);
  }

  powerOn() {
    this.powerOff();
    this.#powered = true;
    if (this.#settings.console === UART) this.#terminal.connect();
    this.#wait(CAUSE.POWER_ON, RESTART_MS);
  }

  /** At once. What is in the flash chip stays; what is in the RTC's memory does not. */
  powerOff() {
    this.#powered = false;
    this.#chip?.kill();
    this.#leaveLife();
    this.#terminal.disconnect();
    fs.rmSync(this.#settings.rtc, { force: true });
  }

  commands() {
    const power = {
      cut: () => this.powerOff(),
      on: () => this.#powered || this.powerOn(),
      reset: () => this.#pressReset(),
    };
    return {
      ...this.#network.commands,
      power: (what) => choose('a state of power', power, what)(),
      cut_after: (operations) => this.#cutAfter(operations),
      wake: () => this.#wake(),
      sensors: (pins) => this.#pins.plug(pins),
      rssi: (dbm) => this.#radio.setStrength(dbm),
      reason: (number) => { this.#radio.refusal = number; },
      fail: (fault) => this.#faults.set(fault),
    };
  }

  status() {
    return {
      powered: this.#powered,
      usb: this.#terminal.connected && this.#chip !== null, // what is typed before is lost
      cause: this.#cause,
      asleep: this.#pause?.cause === CAUSE.DEEP_SLEEP,
      emulated_ms: Math.round(this.#clock.nanos / 1e6),
      ...this.#counts,
      ...this.#network.status(),
    };
  }

  // ---- lives

  /** The next one, after so many ms: never, for infinitely many. Whatever else happens before takes its place. */
  #wait(cause, ms) {
    const timer = Number.isFinite(ms) ? setTimeout(() => this.#start(), Math.min(ms, LONGEST_SLEEP_MS)) : null;
    this.#pause = { cause, timer };
  }

  async #start() {
    const pause = this.#pause;
    await this.#gone; // two chips must not write to one flash
    if (this.#pause !== pause) return;
    this.#pause = null;
    this.#cause = pause.cause;
    this.#terminal.connect();
    if (this.#settings.console === UART) this.#terminal.write(greeting(pause.cause));
    const chip = new Chip(this.#settings, pause.cause, {
      output: (bytes) => this.#terminal.write(bytes),
      ended: (end) => this.#chip === chip && this.#end(end),
      messages: {
        ...this.#radio.messages,
        e: () => this.#countFlash('flash_erases'),
        p: () => this.#countFlash('flash_programs'),
        M: () => {}, // nothing hangs on the pins that go out
      },
    });
    this.#chip = chip;
    this.#gone = chip.gone;
    for (const part of [this.#radio, this.#pins, this.#faults]) part.attach(chip);
    if (this.#untilCut) this.#tellCut();
    chip.tell('B');
  }

  #end({ cause, ms }) {
    this.#leaveLife();
    if (this.#settings.console !== UART) this.#terminal.disconnect();
    if (cause === CAUSE.POWER_ON) return this.#losePower();
    if (cause === CAUSE.DEEP_SLEEP) {
      this.#counts.sleeps += 1;
      return this.#wait(cause, ms || Infinity);
    }
    this.#counts.resets += 1;
    if (cause === CAUSE.PANIC) this.#counts.panics += 1;
    return this.#wait(cause, RESTART_MS);
  }

  #leaveLife() {
    clearTimeout(this.#pause?.timer);
    this.#pause = null;
    this.#chip = null;
    for (const part of [this.#radio, this.#pins, this.#faults]) part.detach();
    this.#terminal.resume();
  }

  /** The EN pin pulled low: as power-on, for the program. */
  #pressReset() {
    this.#counts.resets += 1;
    this.powerOn();
  }

  #wake() {
    if (this.#pause?.cause !== CAUSE.DEEP_SLEEP) throw new Error('the board does not sleep');
    clearTimeout(this.#pause.timer);
    this.#start();
  }

  // ---- flash

  #cutAfter(operations) {
    this.#untilCut = operations;
    this.#tellCut();
  }

  #tellCut() {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(this.#untilCut);
    this.#chip?.tell('C', count);
  }

  #countFlash(what) {
    this.#counts[what] += 1;
    if (this.#untilCut) this.#untilCut -= 1;
  }

  #losePower() {
    this.#untilCut = 0;
    this.powerOff();
  }

  // ---- the serial port

  #type(data) {
    if (this.#chip && !this.#chip.type(data, () => this.#terminal.resume())) this.#terminal.pause();
  }
}
