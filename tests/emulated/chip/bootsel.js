// BOOTSEL: the boot ROM's USB drive, as a folder. What is copied into it as a UF2 goes to flash, and the board restarts.
// RP2040 datasheet, 2.8.4 "USB Mass Storage Interface"; UF2 format: github.com/microsoft/uf2.
import fs from 'node:fs';
import path from 'node:path';

const POLL_MS = 20;
const BLOCK_BYTES = 512;
const SECTOR_BYTES = 4096;
const PAGE_BYTES = 256; // the only payload that the boot ROM takes
const MAGIC = [[0, 0x0a324655], [4, 0x9e5d5157], [508, 0x0ab16f30]];
const NOT_MAIN_FLASH = 0x1;
const FAMILY_PRESENT = 0x2000;
const RP2040 = 0xe48bff56;
const FLASH_START = 0x10000000;
const OWN_FILES = {
  'INFO_UF2.TXT': 'UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n',
  'INDEX.HTM': '<html><head><meta http-equiv="refresh" content="0;URL=\'https://raspberrypi.com/device/RP2?version=E0C9125B0D9B\'"/>'
    + '</head><body>Redirecting to <a href=\'https://raspberrypi.com/device/RP2?version=E0C9125B0D9B\'>raspberrypi.com</a></body></html>',
};

export class Bootsel {
  isOpen = false;
  #folder;
  #flash;
  #onWritten;
  #timer = null;
  #read; // bytes taken of each file, by its name
  #count; // how many blocks the present file announces
  #seen; // the numbers of those that came
  #erased; // groups of 16 blocks whose sector was erased

  /**
   * @param {string} folder stands for the drive; everything in it goes when the drive does
   * @param onWritten called when every block of a UF2 is in flash, and the drive is gone
   */
  constructor(folder, flash, onWritten) {
    this.#folder = folder;
    this.#flash = flash;
    this.#onWritten = onWritten;
    fs.mkdirSync(folder, { recursive: true });
  }

  open() {
    this.isOpen = true;
    this.#read = new Map();
    this.#begin(0);
    for (const [name, text] of Object.entries(OWN_FILES)) fs.writeFileSync(path.join(this.#folder, name), text);
    this.#timer = setInterval(() => this.#look(), POLL_MS);
  }

  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    clearInterval(this.#timer);
    for (const name of fs.readdirSync(this.#folder)) fs.rmSync(path.join(this.#folder, name), { recursive: true });
  }

  #look() {
    for (const name of fs.readdirSync(this.#folder)) {
      if (this.isOpen && !(name in OWN_FILES)) this.#take(name);
    }
  }

  /** Takes the blocks that are new in a file, which may still be growing. */
  #take(name) {
    let position = this.#read.get(name) ?? 0;
    const file = openIfThere(path.join(this.#folder, name));
    if (file === null) return;
    const block = Buffer.alloc(BLOCK_BYTES);
    while (this.isOpen && fs.readSync(file, block, 0, BLOCK_BYTES, position) === BLOCK_BYTES) {
      position += BLOCK_BYTES;
      if (isOurs(block)) this.#store(block);
    }
    fs.closeSync(file);
    this.#read.set(name, position);
  }

  /** A sector is erased with the first of 16 blocks, counted by their numbers and not by their addresses: erratum RP2040-E14. */
  #store(block) {
    const [number, count] = [block.readUInt32LE(20), block.readUInt32LE(24)];
    if (count !== this.#count) this.#begin(count);
    if (this.#seen.has(number)) return;
    const offset = block.readUInt32LE(12) - FLASH_START;
    const group = number >> 4;
    if (!this.#erased.has(group)) this.#flash.erase(offset - (offset % SECTOR_BYTES), SECTOR_BYTES);
    if (!this.isOpen) return; // power was cut
    this.#erased.add(group);
    this.#flash.program(offset, block.subarray(32, 32 + PAGE_BYTES));
    this.#seen.add(number);
    if (!this.isOpen || this.#seen.size < count) return;
    this.close();
    this.#onWritten();
  }

  /** Another number of blocks is another file. */
  #begin(count) {
    this.#count = count;
    this.#seen = new Set();
    this.#erased = new Set();
  }
}

/** Null for a file that was removed meanwhile. */
function openIfThere(file) {
  try {
    return fs.openSync(file);
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Blocks for other chips are dropped, as by the boot ROM: the copy seems to work, and nothing comes of it. */
function isOurs(block) {
  if (!MAGIC.every(([at, value]) => block.readUInt32LE(at) === value)) return false;
  const flags = block.readUInt32LE(8);
  return !(flags & NOT_MAIN_FLASH) && (flags & FAMILY_PRESENT) !== 0 && block.readUInt32LE(28) === RP2040
    && block.readUInt32LE(16) === PAGE_BYTES;
}

/** Whether the boot ROM finds a program: the second-stage boot loader's checksum is right (RP2040 datasheet, 2.8.1.3.1). */
export function isBootable(flash) {
  const view = new DataView(flash.buffer, flash.byteOffset, PAGE_BYTES);
  let crc = 0xffffffff; // CRC-32/MPEG-2
  for (let i = 0; i < PAGE_BYTES - 4; i++) {
    crc ^= view.getUint8(i) << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0 === view.getUint32(PAGE_BYTES - 4, true);
}
