// Draws when asked to, at most 20 times a second, and rests at least as long as the last drawing took.

const SHORTEST_MS = 50;

const frame = () => new Promise(requestAnimationFrame);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Pacer {
  #wanted = false;
  #running = false;

  constructor(draw) {
    this.draw = draw;
  }

  async request() {
    this.#wanted = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#wanted) {
      await frame();
      this.#wanted = false;
      const start = performance.now();
      await this.draw();
      const took = performance.now() - start;
      await sleep(Math.max(SHORTEST_MS - took, took));
    }
    this.#running = false;
  }
}
