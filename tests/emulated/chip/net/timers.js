// Timers in emulated time: they run on the clock of whichever chip is powered, and stand still while none is.

const NANOS_PER_MS = 1e6;
const ROUNDING_MS = 1e-6; // an alarm may ring this much before its timer is due

export class Timers {
  #clock = null;
  #past = 0; // ms that earlier chips ran
  #running = new Set();
  #alarm = null;

  /** Goes on with the clock of a new chip. */
  attach(clock) {
    if (this.#clock) this.#past += this.#clock.nanos / NANOS_PER_MS;
    this.#clock = clock;
    this.#alarm = clock.createAlarm(() => this.#fire());
    this.#arm();
  }

  /** Milliseconds of emulated time since the start. */
  now() {
    return this.#past + (this.#clock ? this.#clock.nanos / NANOS_PER_MS : 0);
  }

  after(ms, action) {
    const timer = this.create(action);
    timer.start(ms);
    return timer;
  }

  /** A timer that can be started, started anew and stopped. */
  create(action) {
    const timer = {
      due: 0,
      action,
      start: (ms) => {
        timer.due = this.now() + ms;
        this.#running.add(timer);
        this.#arm();
      },
      stop: () => this.#running.delete(timer),
    };
    return timer;
  }

  #fire() {
    const now = this.now() + ROUNDING_MS;
    const due = [...this.#running].filter((timer) => timer.due <= now).sort((a, b) => a.due - b.due);
    for (const timer of due) {
      // One before it may have stopped it or started it anew.
      if (!this.#running.has(timer) || timer.due > now) continue;
      this.#running.delete(timer);
      timer.action();
    }
    this.#arm();
  }

  #arm() {
    if (!this.#alarm) return;
    let first = Infinity;
    for (const timer of this.#running) first = Math.min(first, timer.due);
    if (first === Infinity) this.#alarm.cancel();
    else this.#alarm.schedule(Math.max(0, first - this.now()) * NANOS_PER_MS);
  }
}
