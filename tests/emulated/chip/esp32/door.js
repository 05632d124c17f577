// The door between an ESP32's board and the process that is its chip: messages of a kind (one letter), a length and a payload.
// ../../firmware/esp32/ is the other side.

const HEADER = 4;
const NOTHING = Buffer.alloc(0);

export class Door {
  #stream;
  #rest = NOTHING;

  /**
   * @param stream a two-way stream
   * @param handlers by kind: (payload) => void
   */
  constructor(stream, handlers) {
    this.#stream = stream;
    stream.on('error', () => {}); // the chip is gone: 'close' of its process says so
    stream.on('data', (data) => this.#take(data, handlers));
  }

  tell(kind, payload = NOTHING) {
    const header = Buffer.from([kind.charCodeAt(0), 0, 0, 0]);
    header.writeUInt16LE(payload.length, 2);
    if (this.#stream.writable) this.#stream.write(Buffer.concat([header, payload]));
  }

  #take(data, handlers) {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= HEADER) {
      const end = HEADER + this.#rest.readUInt16LE(2);
      if (this.#rest.length < end) return;
      const [kind, payload] = [String.fromCharCode(this.#rest[0]), this.#rest.subarray(HEADER, end)];
      this.#rest = this.#rest.subarray(end);
      handlers[kind](payload);
    }
  }
}
