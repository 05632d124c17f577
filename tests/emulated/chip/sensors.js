// What hangs on the pins: parts on wires that are low while anybody pulls them down, and voltages at the converter.
import { Dht } from './dht.js';
import { Probe } from './onewire.js';

const LOW = 0; // rp2040js, GPIOPinState
const ADC_FIRST_PIN = 26;
const ADC_STEPS = 4096;
const ADC_REFERENCE_MV = 3300;

export class Sensors {
  #wires = new Map(); // pin: parts
  #millivolts = new Map();
  #chip = null;

  /** A new chip, after power-on or a reset: the parts stay where they are. */
  attach(chip) {
    this.#chip = chip;
    for (const [pin, parts] of this.#wires) connect(chip, pin, parts);
    for (const [pin, millivolts] of this.#millivolts) apply(chip, pin, millivolts);
  }

  /** {"15": {"dht": [frame, ..]}, "4": {"probes": [{rom, sixteenths}, ..]}, "26": {"millivolts": 1650}}: what is there now, by pin. */
  plug(pins) {
    for (const [name, what] of Object.entries(pins)) {
      const pin = Number(name);
      if (what.millivolts !== undefined) {
        this.#millivolts.set(pin, what.millivolts);
        apply(this.#chip, pin, what.millivolts);
      } else {
        const parts = what.dht ? [new Dht(what.dht)] : what.probes.map((probe) => new Probe(probe));
        this.#wires.set(pin, parts);
        connect(this.#chip, pin, parts);
      }
    }
  }
}

function apply(chip, pin, millivolts) {
  if (!chip) return;
  const code = Math.floor(millivolts * ADC_STEPS / ADC_REFERENCE_MV);
  chip.adc.channelValues[pin - ADC_FIRST_PIN] = Math.min(code, ADC_STEPS - 1);
}

/** The level is worked out when the program looks at it. Before the first power-on there is no chip yet. */
function connect(chip, pin, parts) {
  if (!chip) return;
  const gpio = chip.gpio[pin];
  const now = () => chip.clock.nanos / 1000;
  gpio.listeners.clear();
  gpio.addListener((state, before) => {
    if ((state === LOW) !== (before === LOW)) parts.forEach((part) => part.edge(state !== LOW, now()));
  });
  Object.defineProperty(gpio, 'rawInputValue', {
    configurable: true,
    get: () => gpio.value !== LOW && !parts.some((part) => part.pulls(now())),
    set: () => {},
  });
}
