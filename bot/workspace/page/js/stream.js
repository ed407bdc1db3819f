// A tab's end of the event stream: through the shared worker where the browser has one, else by a connection of its own.

import { Source } from "./source.js";

export class Stream {
  #opened = 0;
  #letGo = () => {};

  /** `handlers`: event(data), state("open" | "lost"), caughtUp() after every opening but the first. */
  constructor(as, handlers) {
    this.as = as;
    this.handlers = handlers;
  }

  /** Begins; resolves when the stream is open, or after `patience` ms whatever comes. */
  start(patience = 2_000) {
    return new Promise((resolve) => {
      this.onFirstOpen = resolve;
      setTimeout(resolve, patience);
      if (globalThis.SharedWorker && navigator.locks) this.#share();
      else this.#alone();
    });
  }

  stop() {
    this.#letGo();
  }

  async #share() {
    const lock = `workspace-tab-${crypto.randomUUID()}`;
    const held = await new Promise((got) => {
      navigator.locks.request(lock, () => new Promise((release) => got(release)));
    });
    const worker = new SharedWorker(new URL("./stream-worker.js", import.meta.url), { type: "module", name: "workspace-stream" });
    this.#letGo = held;
    worker.onerror = () => {
      held();
      this.#alone();
    };
    worker.port.onmessage = ({ data }) => {
      if (data.event) this.handlers.event(data.event);
      else this.#state(data.state);
    };
    worker.port.postMessage({ as: this.as, lock });
  }

  #alone() {
    const source = new Source(this.as, { event: (event) => this.handlers.event(event), state: (state) => this.#state(state) });
    this.#letGo = () => source.stop();
  }

  #state(state) {
    this.handlers.state(state);
    if (state !== "open") return;
    this.#opened += 1;
    if (this.#opened === 1) this.onFirstOpen();
    else this.handlers.caughtUp();
  }
}
