// Runs one emulated board until standard input ends. Its first line holds the settings as JSON: {firmware, flash (paths),
// terminal (file descriptor), port ({device, link} or null), control (path of a Unix socket), network (or null)}, and
// for a Pico {bootsel (a folder or null)}, whose firmware may be null; for an ESP32 {console ("uart" or "usb"), rtc (a path)}.
// ../pico.py and ../esp32.py write it.
import readline from 'node:readline';
import { serveControl } from './control.js';
import { startEsp32 } from './esp32/board.js';
import { startPico } from './pico.js';

function start(settings) {
  serveControl(settings.control, ...(settings.console ? startEsp32 : startPico)(settings));
}

const input = readline.createInterface(process.stdin);
input.once('line', (line) => start(JSON.parse(line)));
input.once('close', () => process.exit(0)); // whoever started this is gone
