// The Pico's USB serial port: rp2040js's USB device, wired to a terminal.
import { USBCDC } from 'rp2040js';
import { Terminal } from './terminal.js';

const UNSENT_BYTES = 64 << 10; // what waits for the board; then the terminal is not read any more

export class UsbSerial {
  #terminal;
  #wake;
  #cdc = null;
  #usb = null;
  #wanted = 0; // bytes that the board's OUT endpoint waits for
  #toBoard = Buffer.alloc(0);

  /**
   * @param fd, port as ./terminal.js takes them
   * @param wake called when the board has something to read
   */
  constructor(fd, port, wake) {
    this.#terminal = new Terminal(fd, port, (data) => this.#fromHost(data));
    this.#wake = wake;
  }

  get connected() {
    return this.#terminal.connected;
  }

  /** Plugs a new chip in. What was on its way to the old one is lost. */
  attach(mcu) {
    this.detach();
    this.#wanted = 0;
    this.#toBoard = Buffer.alloc(0);
    this.#usb = mcu.usbCtrl;
    this.#cdc = new USBCDC(mcu.usbCtrl);
    this.#cdc.onDeviceConnected = () => this.#terminal.connect();
    this.#cdc.onSerialData = (data) => this.#terminal.write(Buffer.from(data));
    // rp2040js answers an empty endpoint with nothing, again and again; real hardware waits for bytes.
    this.#usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.#cdc.outEndpoint) return;
      this.#wanted = size;
      this.#feed();
    };
  }

  detach() {
    this.#usb = null;
    this.#terminal.disconnect();
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
    if (this.#toBoard.length < UNSENT_BYTES) this.#terminal.resume();
  }
}
