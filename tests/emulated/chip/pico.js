// A Pico or Pico W, put together: flash, USB, board, and the runner that lets time pass.
import fs from 'node:fs';
import { Board } from './board.js';
import { choose } from './control.js';
import { Flash } from './flash.js';
import { Runner } from './runner.js';
import { UsbSerial } from './usb-serial.js';

/** Powers it. Returns the commands and the status for ./control.js. */
export function startPico(settings) {
  const flash = new Flash(settings.flash);
  if (settings.firmware) flash.install(fs.readFileSync(settings.firmware));
  const wake = () => runner.wake();
  const usb = new UsbSerial(settings.terminal, settings.port, wake);
  const board = new Board(settings, flash, usb, wake);
  const runner = new Runner(board);
  board.powerOn();
  wake();
  const status = () => {
    wake(); // it may have something to react to
    return board.status();
  };
  return [commands(board, flash, runner), status];
}

function commands(board, flash, runner) {
  const power = {
    cut: () => board.powerOff(),
    on: () => board.status().powered || board.powerOn(),
    reset: () => board.reset(),
    bootsel: () => board.bootsel(),
  };
  return {
    power: (what) => choose('a state of power', power, what)(),
    cut_after: (operations) => flash.cutAfter(operations),
    profile: (what) => profile(runner, what),
    sensors: (pins) => board.sensors.plug(pins),
    ...board.network?.commands,
  };
}

/** true starts counting where the core is; the name of a file writes the counts there as JSON and stops. */
function profile(runner, what) {
  if (what !== true) fs.writeFileSync(what, JSON.stringify(Object.fromEntries(runner.profile ?? [])));
  runner.profile = what === true ? new Map() : null;
}
