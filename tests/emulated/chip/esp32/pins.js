// What hangs on an ESP32's pins: voltages, levels and DHTs, told to each life of the chip.

const DHT = 1;
const DHT_BYTES = 5;

export class Pins {
  #messages = new Map(); // by pin: [kind, payload]
  #chip = null;

  attach(chip) {
    this.#chip = chip;
    for (const message of this.#messages.values()) chip.tell(...message);
  }

  detach() {
    this.#chip = null;
  }

  /** {"32": {"millivolts": 1650}, "4": {"dht": [frame, ..]}, "5": {"level": 1}}: what is there now, by pin. */
  plug(pins) {
    for (const [name, what] of Object.entries(pins)) {
      const message = messageFor(Number(name), what);
      this.#messages.set(name, message);
      this.#chip?.tell(...message);
    }
  }
}

function messageFor(pin, { millivolts, level, dht }) {
  if (millivolts !== undefined) return ['A', Buffer.from([pin, millivolts & 0xff, millivolts >> 8])];
  if (level !== undefined) return ['G', Buffer.from([pin, level])];
  if (dht !== undefined) return ['T', Buffer.from([pin, DHT, ...framesOf(dht)])];
  throw new Error('at the pins of an emulated ESP32 are millivolts, level, dht');
}

/** Null is silence, for good: what answers once does not fall silent here. */
function framesOf(frames) {
  const bytes = frames.filter((frame) => frame !== null).flat();
  if (bytes.length && bytes.length !== frames.length * DHT_BYTES) throw new Error(`a DHT answers with ${DHT_BYTES} bytes, or never`);
  return bytes;
}
