// This machine's time, in the shape of a chip's clock: an ESP32's program runs in real time.

const NANOS_PER_MS = 1e6;

export class Clock {
  get nanos() {
    return performance.now() * NANOS_PER_MS;
  }

  createAlarm(ring) {
    let timeout;
    const cancel = () => clearTimeout(timeout);
    const schedule = (nanos) => {
      cancel();
      timeout = setTimeout(ring, nanos / NANOS_PER_MS);
    };
    return { schedule, cancel };
  }
}
