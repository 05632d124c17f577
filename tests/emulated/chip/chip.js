// One chip between power-on and the next reset: rp2040js with a boot ROM, our flash and the repairs that MicroPython needs.
import { RP2040 } from 'rp2040js';
import { installBootrom } from './bootrom.js';
import { answerCore1Reset, drawRandomBits, makeUartInterruptClearable } from './repairs.js';

export const NANOS_PER_CYCLE = 8; // 125 MHz, MicroPython's default
const VECTORS = 0x10000100; // behind the second-stage boot loader, which sets up what is not emulated
const WATCHDOG = 0x40058;
const RADIO_BREAKPOINT = 0xe0;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

// rp2040js writes about registers that it does not know to the console, past its logger.
console.warn = () => {};

/**
 * @param flash a Flash
 * @param radio a Radio, or null for a board without one
 * @param {number} reason the watchdog's REASON register: 0 after power-on, 1 timer, 2 forced
 * @param onReset called with the next chip's reason
 */
export function makeChip({ flash, radio, reason, onReset, onBootsel }) {
  const mcu = new RP2040();
  mcu.logger = SILENT;
  flash.attach(mcu);
  const serveBootrom = installBootrom(mcu, flash, onBootsel);
  answerCore1Reset(mcu);
  makeUartInterruptClearable(mcu);
  drawRandomBits(mcu);
  radio?.attach(mcu);
  mcu.onBreak = (n) => (n === RADIO_BREAKPOINT && radio ? radio.serve() : serveBootrom(n));

  const watchdog = mcu.peripherals[WATCHDOG];
  watchdog.reason = reason;
  watchdog.onWatchdogTrigger = () => {
    watchdog.alarm.enable = false;
    watchdog.timer.enable = false;
    onReset(watchdog.reason);
  };

  const { core } = mcu;
  core.VTOR = VECTORS;
  core.SP = mcu.readUint32(VECTORS);
  core.PC = mcu.readUint32(VECTORS + 4) & ~1;
  core.waiting = false;
  return mcu;
}
