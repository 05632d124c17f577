// Runs a board: as fast as this machine can while the core works, in real time while it sleeps.
import { NANOS_PER_CYCLE } from './chip.js';

const NANOS_PER_MS = 1e6;
const SLICE_MS = 8; // how long the core runs before node gets to its sockets
const BURST = 20000; // instructions between two looks at the wall clock
const LEAD_MS = 1; // how far emulated time may run ahead of the wall clock
const LAG_MS = 50; // what a sleeping core may make up for; a longer delay is forgotten
const SHORTEST_NAP_MS = 0.3;
const LONGEST_NAP_MS = 5;
const PROFILE_EVERY = 32; // instructions

export class Runner {
  profile = null; // a Map of program counters to samples, while one is taken
  #board;
  #next = null; // what node will call: {cancel, isNap}
  #running = false; // inside a slice
  #lead; // emulated time less wall time at the start, in ms

  constructor(board) {
    this.#board = board;
  }

  /** Goes on at once: there is power, or something to react to. */
  wake() {
    if (this.#running || (this.#next && !this.#next.isNap)) return;
    this.#next?.cancel();
    this.#soon();
  }

  #soon() {
    const immediate = setImmediate(() => this.#slice());
    this.#next = { isNap: false, cancel: () => clearImmediate(immediate) };
  }

  #later(ms) {
    const timeout = setTimeout(() => this.#slice(), ms);
    this.#next = { isNap: true, cancel: () => clearTimeout(timeout) };
  }

  #slice() {
    this.#next = null;
    this.#running = true;
    const nap = this.#run();
    this.#running = false;
    if (!this.#board.chip) return; // until wake()
    if (nap > SHORTEST_NAP_MS) this.#later(nap);
    else this.#soon();
  }

  #run() {
    const end = performance.now() + SLICE_MS;
    let nap = 0;
    while (!nap && this.#board.chip && performance.now() < end) {
      nap = this.#burst(this.#board.chip);
      if (this.#board.interrupted !== null) this.#board.handleInterruption();
    }
    return nap;
  }

  /** Runs one chip for a while. Returns for how many ms it will do nothing. */
  #burst(chip) {
    const { core, clock } = chip;
    const board = this.#board;
    this.#synchronize(chip);
    for (let i = 0; i < BURST && board.interrupted === null; i++) {
      if (core.waiting) {
        const nap = this.#sleep(chip);
        if (nap) return nap;
        continue;
      }
      const before = core.cycles;
      core.executeInstruction();
      clock.tick((core.cycles - before) * NANOS_PER_CYCLE);
      if (this.profile && i % PROFILE_EVERY === 0) this.#sample(core.PC);
    }
    return 0;
  }

  /** Lets time pass until the next alarm, or, if that lies ahead of the wall clock, until now. Returns the ms left to wait. */
  #sleep({ core, clock }) {
    const toAlarm = clock.nanosToNextAlarm || NANOS_PER_MS;
    const ahead = this.#ahead(clock);
    if (ahead + toAlarm / NANOS_PER_MS <= LEAD_MS) {
      clock.tick(toAlarm);
    } else if (ahead < 0) {
      clock.tick(Math.min(toAlarm, -ahead * NANOS_PER_MS));
    }
    if (core.interruptsUpdated && core.checkForInterrupts()) core.waiting = false;
    const left = this.#ahead(clock) + (clock.nanosToNextAlarm || NANOS_PER_MS) / NANOS_PER_MS;
    return core.waiting && left > LEAD_MS ? Math.min(left, LONGEST_NAP_MS) : 0;
  }

  #ahead(clock) {
    return clock.nanos / NANOS_PER_MS - performance.now() - this.#lead.difference;
  }

  /** A new chip starts a new count; a core that was busy for long is not made to catch up. */
  #synchronize({ clock }) {
    const isNew = this.#lead?.clock !== clock;
    if (isNew || this.#ahead(clock) < -LAG_MS) {
      this.#lead = { clock, difference: clock.nanos / NANOS_PER_MS - performance.now() };
    }
  }

  #sample(address) {
    this.profile.set(address, (this.profile.get(address) ?? 0) + 1);
  }
}
