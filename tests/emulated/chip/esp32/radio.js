// An ESP32's radio, seen from the board: the access point's events as messages at the chip's door.

export const MAC = Buffer.from([0x24, 0x0a, 0xc4, 0x00, 0x01, 0x02]); // Espressif's prefix

/** Why there is no link, as ESP-IDF numbers it: esp_wifi_types_generic.h, wifi_err_reason_t. */
const REASON = { LEFT: 8, HANDSHAKE_TIMEOUT: 15, BEACON_TIMEOUT: 200, NO_NETWORK: 201 };
const OPEN = 0; // wifi_auth_mode_t
const WPA2 = 3;

export class Radio {
  /** What a wrong key is answered with: chips and access points differ. */
  refusal = REASON.HANDSHAKE_TIMEOUT;
  #accessPoint;
  #chip = null;
  #joining = false;

  constructor(accessPoint) {
    this.#accessPoint = accessPoint;
    accessPoint.station = {
      frame: (bytes) => this.#chip?.tell('F', bytes),
      up: () => this.#joined(),
      down: () => this.#isDown(REASON.BEACON_TIMEOUT),
      noNetwork: () => this.#isDown(REASON.NO_NETWORK),
      badKey: () => this.#isDown(this.refusal),
      scanResult: (network) => this.#chip?.tell('S', scanResult(network)),
      scanDone: () => this.#chip?.tell('s'),
    };
  }

  /** What the chip says to its radio, by kind. */
  messages = {
    F: (frame) => this.#accessPoint.send(frame),
    J: (names) => this.#join(names),
    L: () => this.#leave(),
    S: () => this.#accessPoint.scan(),
  };

  attach(chip) {
    this.#chip = chip;
    this.#tellStrength();
  }

  detach() {
    this.#chip = null;
    this.#joining = false;
    this.#accessPoint.leave();
  }

  /** In dBm. */
  setStrength(rssi) {
    this.#accessPoint.rssi = rssi;
    this.#tellStrength();
  }

  #tellStrength() {
    this.#chip?.tell('R', Buffer.from([this.#accessPoint.rssi]));
  }

  #join(names) {
    const [ssid, key] = texts(names);
    this.#joining = true;
    this.#accessPoint.join(ssid, key);
  }

  #leave() {
    const wasThere = this.#joining || this.#accessPoint.associated;
    this.#accessPoint.leave();
    if (wasThere) this.#isDown(REASON.LEFT);
  }

  /** A network that comes back takes nobody in who does not ask. */
  #joined() {
    if (this.#joining) this.#chip?.tell('U');
    this.#joining = false;
  }

  #isDown(reason) {
    this.#joining = false;
    this.#chip?.tell('D', Buffer.from([reason]));
  }
}

/** Two texts, each after its length. */
function texts(bytes) {
  const end = 1 + bytes[0];
  return [bytes.toString('utf8', 1, end), bytes.toString('utf8', end + 1, end + 1 + bytes[end])];
}

function scanResult({ bssid, name, isOpen, channel, rssi }) {
  const ssid = Buffer.from(name);
  return Buffer.concat([bssid, Buffer.from([channel, rssi, isOpen ? OPEN : WPA2, ssid.length]), ssid]);
}
