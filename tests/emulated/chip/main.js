// Runs one emulated board until standard input ends. Its first line holds the settings as JSON:
// {firmware (or null), flash, terminal (file descriptor), port ({device, link} or null), bootsel (a folder or null),
// control (path of a Unix socket), network (or null)}; ../pico.py writes it.
import fs from 'node:fs';
import readline from 'node:readline';
import { Board } from './board.js';
import { serveControl } from './control.js';
import { Flash } from './flash.js';
import { Runner } from './runner.js';
import { UsbSerial } from './usb-serial.js';

function start(settings) {
  const flash = new Flash(settings.flash);
  if (settings.firmware) flash.install(fs.readFileSync(settings.firmware));
  const wake = () => runner.wake();
  const usb = new UsbSerial(settings.terminal, settings.port, wake);
  const board = new Board(settings, flash, usb, wake);
  const runner = new Runner(board);
  serveControl(settings.control, { board, flash, runner });
  board.powerOn();
  runner.wake();
}

const input = readline.createInterface(process.stdin);
input.once('line', (line) => start(JSON.parse(line)));
input.once('close', () => process.exit(0)); // whoever started this is gone
