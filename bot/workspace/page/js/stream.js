// The event stream: an EventSource that comes back by itself and misses nothing. Knows sequence numbers, not events.

const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 5_000;
// Browsers allow six connections to a server over HTTP/1.1. With more tabs than this, hidden ones let theirs go.
const TABS_WITH_A_STREAM_EACH = 4;

export class Stream {
  /** `handlers`: event(data), state("open" | "lost"), caughtUp() after every opening but the first. */
  constructor(api, handlers) {
    this.api = api;
    this.handlers = handlers;
    this.after = null;
    this.retry = FIRST_RETRY_MS;
    this.source = null;
    this.timer = null;
    this.opened = 0;
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#reconnectNow());
    navigator.locks?.request(`workspace-tab-${Math.random()}`, () => new Promise(() => {}));
  }

  /** Opens the stream; resolves when it is open, or after `patience` ms whatever comes. */
  start(patience = 2_000) {
    return new Promise((resolve) => {
      this.onFirstOpen = resolve;
      setTimeout(resolve, patience);
      this.#connect();
    });
  }

  stop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.stopped = true;
  }

  #connect() {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.source?.close();
    const query = this.api.query(this.after === null ? {} : { after: this.after });
    const source = new EventSource(`/client/events?${query}`);
    this.source = source;
    source.onopen = () => {
      this.retry = FIRST_RETRY_MS;
      this.opened += 1;
      this.handlers.state("open");
      if (this.opened === 1) this.onFirstOpen?.();
      else this.handlers.caughtUp();
    };
    source.onmessage = (message) => this.#take(message);
    source.onerror = () => {
      if (source !== this.source) return;
      // Reconnecting by hand, since EventSource gives up for good on an HTTP error.
      source.close();
      this.source = null;
      this.handlers.state("lost");
      this.timer = setTimeout(() => this.#connect(), this.retry);
      this.retry = Math.min(this.retry * 2, LAST_RETRY_MS);
    };
  }

  #take(message) {
    let data;
    try {
      data = JSON.parse(message.data);
    } catch (error) {
      console.error("an event that is not JSON", message.data, error);
      return;
    }
    const seq = Number(data.seq ?? message.lastEventId);
    if (Number.isFinite(seq)) {
      if (this.after !== null && seq <= this.after) return;
      this.after = seq;
    }
    this.handlers.event(data);
  }

  #reconnectNow() {
    if (this.source) return;
    this.retry = FIRST_RETRY_MS;
    this.#connect();
  }

  async #visibility() {
    if (!document.hidden) {
      this.#reconnectNow();
      return;
    }
    const held = (await navigator.locks?.query())?.held ?? [];
    const tabs = held.filter((lock) => lock.name.startsWith("workspace-tab-")).length;
    if (document.hidden && tabs > TABS_WITH_A_STREAM_EACH && this.source) {
      this.source.close();
      this.source = null;
    }
  }
}
