// Writes the frames on the air to a file for Wireshark or tcpdump.
import fs from 'node:fs';

const MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;
const SNAP_LENGTH = 65535;

export class Pcap {
  #file;

  constructor(path) {
    this.#file = fs.openSync(path, 'w');
    const header = Buffer.alloc(24);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt16LE(2, 4); // version 2.4
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(SNAP_LENGTH, 16);
    header.writeUInt32LE(ETHERNET, 20);
    fs.writeSync(this.#file, header);
  }

  /** @param {number} ms emulated time */
  write(ms, frame) {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(Math.floor(ms / 1000), 0);
    header.writeUInt32LE(Math.floor((ms % 1000) * 1000), 4);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    fs.writeSync(this.#file, Buffer.concat([header, frame]));
  }
}
