// Calls of an ESP32's IDF, lwIP or mbedtls that are made to fail, in this life of the chip, in the next, or in every one.

const ALWAYS = 0xffff;
const WORDS = { hang: 0x7fff0000, panic: 0x7fff0001 };

export class Faults {
  #next = new Map(); // by name: for the life that begins next
  #every = new Map();
  #chip = null;

  attach(chip) {
    this.#chip = chip;
    for (const message of [...this.#next.values(), ...this.#every.values()]) chip.tell('I', message);
    this.#next.clear();
  }

  detach() {
    this.#chip = null;
  }

  /**
   * {"call": "esp_wifi_connect", "value": 12295, "times": 1}: what it returns so often; a value "hang" or "panic" is what it does.
   * times null: always, also after resets, until times is 0.
   */
  set({ call, value, times = 1 }) {
    const message = messageFor(call, value, times);
    this.#every.delete(call);
    if (times === null) this.#every.set(call, message);
    if (this.#chip) this.#chip.tell('I', message);
    else if (times !== null) this.#next.set(call, message);
  }
}

function messageFor(call, value, times) {
  const number = typeof value === 'string' ? WORDS[value] : value;
  if (!Number.isInteger(number)) throw new Error(`a call returns a whole number, or its value is ${Object.keys(WORDS).join(' or ')}`);
  const head = Buffer.alloc(6);
  head.writeInt32LE(number, 0);
  head.writeUInt16LE(times ?? ALWAYS, 4);
  return Buffer.concat([head, Buffer.from(call)]);
}
