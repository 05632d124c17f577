// The board's end of a serial port: the master side of a pseudo terminal, with a link to its slave that may come and go.
import fs from 'node:fs';
import tty from 'node:tty';

const UNREAD_BYTES = 64 << 10; // what waits for a reader; more is dropped, as MicroPython does when no host reads
const RETRY_MS = 2;

export class Terminal {
  #connected = false;
  #fd;
  #port;
  #stream;
  #toHost = Buffer.alloc(0);
  #retry = null;

  /**
   * @param {number} fd the master, non-blocking
   * @param port {device, link}: a link to the slave that is there while the board is connected; null for none
   * @param onData called with what somebody wrote
   */
  constructor(fd, port, onData) {
    this.#fd = fd;
    this.#port = port;
    this.#stream = new tty.ReadStream(fd);
    this.#stream.on('data', onData);
  }

  get connected() {
    return this.#connected;
  }

  connect() {
    this.#connected = true;
    if (this.#port && !fs.existsSync(this.#port.link)) fs.symlinkSync(this.#port.device, this.#port.link);
  }

  disconnect() {
    this.#connected = false;
    if (this.#port) fs.rmSync(this.#port.link, { force: true });
  }

  /** Stops taking what is written, until `resume`. */
  pause() {
    this.#stream.pause();
  }

  resume() {
    if (this.#stream.isPaused()) this.#stream.resume();
  }

  write(data) {
    if (this.#toHost.length < UNREAD_BYTES) this.#toHost = Buffer.concat([this.#toHost, data]);
    if (!this.#retry) this.#write();
  }

  /** Not by the stream, whose writes to a terminal would block the whole emulator. */
  #write() {
    this.#retry = null;
    try {
      while (this.#toHost.length) this.#toHost = this.#toHost.subarray(fs.writeSync(this.#fd, this.#toHost));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      this.#retry = setTimeout(() => this.#write(), RETRY_MS);
    }
  }
}
