// Copies between JavaScript and the chip's memory, by the chip's addresses.

const SRAM = 0x20000000;

export class Memory {
  #mcu;

  constructor(mcu) {
    this.#mcu = mcu;
  }

  /** A copy of `length` bytes. */
  read(address, length) {
    const start = (address >>> 0) - SRAM;
    if (this.#inRam(start, length)) return this.#mcu.sram.slice(start, start + length);
    return Uint8Array.from({ length }, (_, i) => this.#mcu.readUint8((address >>> 0) + i));
  }

  write(address, bytes) {
    const start = (address >>> 0) - SRAM;
    if (this.#inRam(start, bytes.length)) this.#mcu.sram.set(bytes, start);
    else bytes.forEach((byte, i) => this.#mcu.writeUint8((address >>> 0) + i, byte));
  }

  #inRam(start, length) {
    return start >= 0 && start + length <= this.#mcu.sram.length;
  }
}
