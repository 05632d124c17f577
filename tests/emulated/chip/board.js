// The board: a flash chip, a USB port, maybe a radio with a network around it, and power that comes and goes.
import { Bootsel, isBootable } from './bootsel.js';
import { makeChip } from './chip.js';
import { Network } from './net/network.js';
import { MAC, Radio } from './radio.js';
import { Sensors } from './sensors.js';

const NANOS_PER_MS = 1e6;
const POWER_ON = 0; // the watchdog's REASON after power-on and after RUN was pulled low
const OFF = 'off';
const BOOTSEL = 'bootsel';

export class Board {
  chip = null; // null while there is no power
  interrupted = null; // what shall happen after the present instruction: OFF, BOOTSEL, or a reset's reason
  network = null;
  sensors = new Sensors();
  resets = 0;
  #flash;
  #usb;
  #radio = null;
  #bootsel = null;
  #pastCycles = 0;
  #pastMs = 0;

  /**
   * @param network what ../network.py's Network holds, or null for a board without WiFi
   * @param bootsel the folder that stands for its BOOTSEL drive, or null: then the board stops where it would show that drive
   * @param wake called when there is something for the board, which may be asleep
   */
  constructor({ network, bootsel }, flash, usb, wake) {
    this.#flash = flash;
    this.#usb = usb;
    flash.onPowerLoss = () => {
      if (this.chip) this.interrupted = OFF;
      else this.powerOff();
    };
    if (bootsel) this.#bootsel = new Bootsel(bootsel, flash, () => { this.reset(); wake(); });
    if (!network) return;
    this.network = new Network(network, MAC);
    this.#radio = new Radio(this.network.accessPoint, network.frame_us);
    this.#radio.onDelivery = wake;
  }

  powerOn(reason = POWER_ON) {
    this.powerOff();
    if (this.#bootsel && !isBootable(this.#flash.bytes)) return this.#bootsel.open();
    this.chip = makeChip({
      flash: this.#flash,
      radio: this.#radio,
      reason,
      onReset: (why) => { this.interrupted = why; },
      onBootsel: () => { this.interrupted = BOOTSEL; },
    });
    this.network?.attach(this.chip.clock);
    this.#usb.attach(this.chip);
    this.sensors.attach(this.chip);
  }

  powerOff() {
    this.interrupted = null;
    this.#bootsel?.close();
    if (!this.chip) return;
    this.#pastCycles += this.chip.core.cycles;
    this.#pastMs += this.chip.clock.nanos / NANOS_PER_MS;
    this.network?.accessPoint.leave();
    this.#usb.detach();
    this.chip = null;
  }

  /** Plugged in with BOOTSEL held, or sent there by the program. */
  bootsel() {
    this.powerOff();
    this.#bootsel?.open();
  }

  /** The RUN pin pulled low: as power-on, for the program. */
  reset() {
    this.resets += 1;
    this.powerOn();
  }

  /** To be called by whoever runs the chip when `interrupted` is set. */
  handleInterruption() {
    const why = this.interrupted;
    if (why === OFF) return this.powerOff();
    if (why === BOOTSEL) return this.bootsel();
    this.resets += 1;
    this.powerOn(why);
  }

  get #inBootsel() {
    return this.#bootsel?.isOpen ?? false;
  }

  status() {
    return {
      powered: this.chip !== null || this.#inBootsel,
      bootsel: this.#inBootsel,
      usb: this.#usb.connected,
      resets: this.resets,
      emulated_ms: Math.round(this.#pastMs + (this.chip ? this.chip.clock.nanos / NANOS_PER_MS : 0)),
      busy_cycles: this.#pastCycles + (this.chip ? this.chip.core.cycles : 0),
      flash_erases: this.#flash.erases,
      flash_programs: this.#flash.programs,
      ...this.network?.status(),
    };
  }
}
