// One life of an ESP32, from reset to reset: a process that runs MicroPython's esp32 port, its serial port and its door.
import { spawn } from 'node:child_process';
import { Door } from './door.js';

/** Why a life begins, or ended; a number at the door. */
export const CAUSE = { POWER_ON: 'poweron', PANIC: 'panic', DEEP_SLEEP: 'deepsleep' };
const CAUSES = ['poweron', 'ext', 'sw', 'panic', 'int_wdt', 'task_wdt', 'deepsleep', 'brownout'];
const DOOR = 3; // file descriptor

export class Chip {
  /** Resolved when its process is gone. */
  gone;
  #process;
  #door;
  #end = { cause: CAUSE.PANIC, ms: 0 }; // of a process that does not say why it ends

  /**
   * @param settings {firmware, flash, rtc, console, files}
   * @param {string} cause why this life begins
   * @param hears {output(bytes), ended({cause, ms}), messages: by kind}; ms is how long it sleeps
   */
  constructor({ firmware, flash, rtc, console, files }, cause, hears) {
    const options = ['--flash', flash, '--rtc', rtc, '--cause', cause, '--console', console, '--files', files];
    this.#process = spawn(firmware, options, { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
    this.#process.stdin.on('error', () => {}); // it is gone
    this.#process.stdout.on('data', hears.output);
    this.#door = new Door(this.#process.stdio[DOOR], { ...hears.messages, X: (payload) => this.#takeEnd(payload) });
    this.gone = new Promise((resolve) => this.#process.once('close', resolve));
    this.gone.then(() => hears.ended(this.#end));
  }

  tell(kind, payload) {
    this.#door.tell(kind, payload);
  }

  /** @param room called when it takes more; false is returned when it does not for now */
  type(bytes, room) {
    const { stdin } = this.#process;
    if (!stdin.writable || stdin.write(bytes)) return true;
    stdin.once('drain', room);
    return false;
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  #takeEnd(payload) {
    this.#end = { cause: CAUSES[payload[0]], ms: Number(payload.readBigUInt64LE(1) / 1000n) };
  }
}
