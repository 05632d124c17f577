// The board's flash chip: two MiB of bytes that outlive resets, power cuts and this process, in a file written through.
import fs from 'node:fs';

export const FLASH_BYTES = 2 << 20;
const ERASED = 0xff;

export class Flash {
  bytes = new Uint8Array(FLASH_BYTES).fill(ERASED);
  erases = 0;
  programs = 0;
  #file;
  #untilCut = Infinity;

  /** @param {string} path the image; made anew when there is none */
  constructor(path) {
    const exists = fs.existsSync(path) && fs.statSync(path).size > 0;
    this.#file = fs.openSync(path, exists ? 'r+' : 'w+');
    if (exists) fs.readSync(this.#file, this.bytes, 0, FLASH_BYTES, 0);
    this.onPowerLoss = () => {};
  }

  /** Puts a firmware into place, as BOOTSEL would; what lies beyond it stays. */
  install(firmware) {
    this.bytes.set(firmware, 0);
    this.#store(0, FLASH_BYTES);
  }

  /** Makes a chip run from these bytes instead of from its own. */
  attach(mcu) {
    mcu.flash = this.bytes;
    mcu.flash16 = new Uint16Array(this.bytes.buffer);
    mcu.flashView = new DataView(this.bytes.buffer);
  }

  /** The n-th erase or program from now is cut in its middle by the loss of power. */
  cutAfter(operations) {
    this.#untilCut = operations;
  }

  erase(offset, length) {
    this.erases += 1;
    this.#operate(offset, length, (done) => this.bytes.fill(ERASED, offset, offset + done));
  }

  /** Programming can only clear bits. */
  program(offset, data) {
    this.programs += 1;
    this.#operate(offset, data.length, (done) => {
      for (let i = 0; i < done; i++) this.bytes[offset + i] &= data[i];
    });
  }

  #operate(offset, length, change) {
    this.#untilCut -= 1;
    const torn = this.#untilCut <= 0;
    change(torn ? length >> 1 : length);
    this.#store(offset, length);
    if (!torn) return;
    this.#untilCut = Infinity;
    this.onPowerLoss();
  }

  #store(offset, length) {
    fs.writeSync(this.#file, this.bytes, offset, length, offset);
  }
}
