// A DS18B20 on a 1-Wire bus, from Maxim's datasheet: reset, ROM commands, conversion, scratchpad. Times in microseconds.
const RESET = 479; // 480, but whoever waits by whole microseconds may end within the last one
const PRESENCE = [30, 150]; // after the end of the reset
const SAMPLE = 30; // a slot that is low for less is a 1
const HOLD = 30; // how long a 0 that is read keeps the wire down
const CONVERSION = 750000;
const POWER_ON = 0x0550; // 85 degrees

const ROM = { SEARCH: 0xf0, MATCH: 0x55, SKIP: 0xcc };
const FUNCTION = { CONVERT: 0x44, READ: 0xbe };

/** Maxim's CRC: x^8 + x^5 + x^4 + 1, low bit first. */
function crc8(bytes) {
  let crc = 0;
  for (const bit of bitsOf(bytes)) crc = (crc >> 1) ^ ((crc ^ bit) & 1 ? 0x8c : 0);
  return crc;
}

const bitsOf = (bytes) => bytes.flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> i) & 1));

export class Probe {
  #rom; // bits
  #sixteenths;
  #flip;
  #register = POWER_ON;
  #due = Infinity;
  #pulledAt = 0;
  #low = [0, 0];
  #sends = 1; // in the slot that comes
  #protocol = null; // a generator: yields the bit it sends (1 is silence), is given the bit that stood in the slot

  /** @param flip the byte of the scratchpad that comes wrong, if any */
  constructor({ rom, sixteenths, flip = null }) {
    this.#rom = bitsOf(rom);
    this.#sixteenths = sixteenths;
    this.#flip = flip;
  }

  edge(level, now) {
    if (!level) this.#slotBegins(now);
    else this.#slotEnds(now);
  }

  pulls(now) {
    return this.#low[0] <= now && now < this.#low[1];
  }

  #slotBegins(now) {
    if (now >= this.#due) [this.#register, this.#due] = [this.#sixteenths & 0xffff, Infinity];
    this.#pulledAt = now;
    if (this.#sends === 0) this.#low = [now, now + HOLD];
  }

  #slotEnds(now) {
    if (now - this.#pulledAt >= RESET) {
      this.#low = [now + PRESENCE[0], now + PRESENCE[1]];
      this.#protocol = this.#answer();
      this.#sends = this.#protocol.next().value;
    } else if (this.#protocol) {
      const { value, done } = this.#protocol.next(now - this.#pulledAt < SAMPLE ? 1 : 0);
      if (done) [this.#protocol, this.#sends] = [null, 1];
      else this.#sends = value;
    }
  }

  /** From one reset to the next. */
  *#answer() {
    const command = yield* receive();
    if (command === ROM.SEARCH) return yield* this.#search();
    if (command === ROM.MATCH && !(yield* this.#matches())) return;
    if (command !== ROM.MATCH && command !== ROM.SKIP) return;
    const wish = yield* receive();
    if (wish === FUNCTION.CONVERT) this.#due = this.#pulledAt + CONVERSION;
    if (wish === FUNCTION.READ) for (const bit of bitsOf(this.#scratchpad())) yield bit;
  }

  *#search() {
    for (const bit of this.#rom) {
      yield bit;
      yield 1 - bit;
      if ((yield 1) !== bit) return;
    }
  }

  *#matches() {
    for (const bit of this.#rom) if ((yield 1) !== bit) return false;
    return true;
  }

  #scratchpad() {
    const bytes = [this.#register & 255, this.#register >> 8, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10];
    bytes.push(crc8(bytes));
    if (this.#flip !== null) bytes[this.#flip] ^= 0x10;
    return bytes;
  }
}

function* receive() {
  let byte = 0;
  for (let i = 0; i < 8; i++) byte |= (yield 1) << i;
  return byte;
}
