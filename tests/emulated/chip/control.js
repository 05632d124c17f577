// The control socket: one JSON object a line, each member a command; the answer is the board's status, or {"error": why}.
import net from 'node:net';
import readline from 'node:readline';

/**
 * @param {string} path of the Unix socket
 * @param commands by name, what each does with its value
 * @param status () => what a line is answered with, after its commands
 */
export function serveControl(path, commands, status) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    readline.createInterface(socket).on('line', (line) => socket.write(`${JSON.stringify(answer(line))}\n`));
  });
  server.listen(path);

  function answer(line) {
    try {
      for (const [name, value] of Object.entries(JSON.parse(line))) {
        choose('a command', commands, name)(value);
      }
      return status();
    } catch (error) {
      return { error: error.message };
    }
  }
}

/** The member of this name. Throws an Error that says which there are. */
export function choose(what, members, name) {
  if (!Object.hasOwn(members, name)) throw new Error(`${name} is not ${what}; there are ${Object.keys(members).join(', ')}`);
  return members[name];
}
