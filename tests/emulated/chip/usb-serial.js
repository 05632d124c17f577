// The board's USB serial port, as the master side of a pseudo terminal.
import fs from 'node:fs';
import tty from 'node:tty';
import { USBCDC } from 'rp2040js';

const UNREAD_BYTES = 64 << 10; // what waits for a reader; more is dropped, as MicroPython does when no host reads
const RETRY_MS = 2;
const UNSENT_BYTES = 64 << 10; // what waits for the board; then the pseudo terminal is not read any more

export class UsbSerial {
  #connected = false;
  #port;
  #terminal;
  #fd;
  #wake;
  #cdc = null;
  #usb = null;
  #wanted = 0; // bytes that the board's OUT endpoint waits for
  #toBoard = Buffer.alloc(0);
  #toHost = Buffer.alloc(0);
  #retry = null;

  /**
   * @param {number} fd the master, non-blocking
   * @param port {device, link}: a link to the slave that is there while the board is; null for none
   * @param wake called when the board has something to read
   */
  constructor(fd, port, wake) {
    this.#fd = fd;
    this.#port = port;
    this.#wake = wake;
    this.#terminal = new tty.ReadStream(fd);
    this.#terminal.on('data', (data) => this.#fromHost(data));
  }

  get connected() {
    return this.#connected;
  }

  /** Plugs a new chip in. What was on its way to the old one is lost. */
  attach(mcu) {
    this.detach();
    this.#wanted = 0;
    this.#toBoard = Buffer.alloc(0);
    this.#usb = mcu.usbCtrl;
    this.#cdc = new USBCDC(mcu.usbCtrl);
    this.#cdc.onDeviceConnected = () => this.#connect();
    this.#cdc.onSerialData = (data) => this.#fromBoard(Buffer.from(data));
    // rp2040js answers an empty endpoint with nothing, again and again; real hardware waits for bytes.
    this.#usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.#cdc.outEndpoint) return;
      this.#wanted = size;
      this.#feed();
    };
  }

  detach() {
    this.#connected = false;
    this.#usb = null;
    if (this.#port) fs.rmSync(this.#port.link, { force: true });
  }

  #connect() {
    this.#connected = true;
    if (this.#port && !fs.existsSync(this.#port.link)) fs.symlinkSync(this.#port.device, this.#port.link);
  }

  #fromHost(data) {
    if (!this.#usb) return;
    this.#toBoard = Buffer.concat([this.#toBoard, data]);
    if (this.#toBoard.length > UNSENT_BYTES) this.#terminal.pause();
    this.#feed();
    this.#wake();
  }

  #feed() {
    if (!this.#wanted || !this.#toBoard.length) return;
    const packet = this.#toBoard.subarray(0, this.#wanted);
    this.#toBoard = this.#toBoard.subarray(packet.length);
    this.#wanted = 0;
    this.#usb.endpointReadDone(this.#cdc.outEndpoint, packet);
    if (this.#terminal.isPaused() && this.#toBoard.length < UNSENT_BYTES) this.#terminal.resume();
  }

  #fromBoard(data) {
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
