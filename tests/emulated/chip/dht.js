// A DHT11 or DHT22, from Aosong's datasheets: a start signal makes it answer with 40 pulses, whose length is the bit.
const START_US = 800;
const DELAY_US = 30;
const GREETING_US = [80, 80]; // low, high
const GAP_US = 50;
const ZERO_US = 27;
const ONE_US = 70;

export class Dht {
  #frames;
  #lows = []; // [from, to] in microseconds
  #pulledAt = 0;

  /** @param frames what it answers, one after the other; the last one for ever; null is silence */
  constructor(frames) {
    this.#frames = [...frames];
  }

  edge(level, now) {
    if (!level) this.#pulledAt = now;
    else if (now - this.#pulledAt >= START_US) this.#answer(now);
  }

  pulls(now) {
    return this.#lows.some(([from, to]) => from <= now && now < to);
  }

  #answer(now) {
    const frame = this.#frames.length > 1 ? this.#frames.shift() : this.#frames[0];
    this.#lows = [];
    if (!frame) return;
    let at = now + DELAY_US;
    const pulse = (low, high) => {
      this.#lows.push([at, at + low]);
      at += low + high;
    };
    pulse(...GREETING_US);
    for (const byte of frame) {
      for (let bit = 7; bit >= 0; bit--) pulse(GAP_US, (byte >> bit) & 1 ? ONE_US : ZERO_US);
    }
    pulse(GAP_US, 0);
  }
}
