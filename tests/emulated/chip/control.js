// The control socket: one JSON object a line, each member a command; the answer is the board's status, or {"error": why}.
import fs from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';

export function serveControl(path, { board, flash, runner }) {
  const commands = {
    power: (what) => power(board, runner, what),
    cut_after: (operations) => flash.cutAfter(operations),
    profile: (what) => profile(runner, what),
    sensors: (pins) => board.sensors.plug(pins),
    ...board.network?.commands,
  };
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    readline.createInterface(socket).on('line', (line) => socket.write(`${JSON.stringify(answer(line))}\n`));
  });
  server.listen(path);

  function answer(line) {
    try {
      for (const [name, value] of Object.entries(JSON.parse(line))) {
        if (!Object.hasOwn(commands, name)) {
          throw new Error(`there is no command ${name}; there are ${Object.keys(commands).join(', ')}`);
        }
        commands[name](value);
      }
      runner.wake();
      return board.status();
    } catch (error) {
      return { error: error.message };
    }
  }
}

function power(board, runner, what) {
  const actions = {
    cut: () => board.powerOff(),
    on: () => board.status().powered || board.powerOn(),
    reset: () => board.reset(),
    bootsel: () => board.bootsel(),
  };
  if (!Object.hasOwn(actions, what)) throw new Error(`power is ${Object.keys(actions).join(', ')}, not ${what}`);
  actions[what]();
}

/** true starts counting where the core is; the name of a file writes the counts there as JSON and stops. */
function profile(runner, what) {
  if (what !== true) fs.writeFileSync(what, JSON.stringify(Object.fromEntries(runner.profile ?? [])));
  runner.profile = what === true ? new Map() : null;
}
