// One person's event stream from the server: an EventSource that comes back by itself and misses nothing. Runs in a tab
// or in the shared worker, so it knows no document; and it knows sequence numbers, not events.

const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 5_000;

export class Source {
  /** `handlers`: event(data), state("open" | "lost"). */
  constructor(as, handlers) {
    this.as = as;
    this.handlers = handlers;
    this.after = null;
    this.retry = FIRST_RETRY_MS;
    this.timer = null;
    this.stream = null;
    this.isOpen = false;
    this.#connect();
  }

  stop() {
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
    this.isOpen = false;
  }

  #connect() {
    const query = new URLSearchParams({ as: this.as });
    if (this.after !== null) query.set("after", this.after);
    const stream = new EventSource(`/client/events?${query}`);
    this.stream = stream;
    stream.onopen = () => {
      this.retry = FIRST_RETRY_MS;
      this.isOpen = true;
      this.handlers.state("open");
    };
    stream.onmessage = (message) => this.#take(message);
    stream.onerror = () => {
      if (stream !== this.stream) return;
      // Reconnecting by hand, since EventSource gives up for good on an HTTP error.
      this.stop();
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
    // A server that has lost its past counts from the beginning again, and says so with a resync.
    if (data.type !== "resync" && this.after !== null && seq <= this.after) return;
    this.after = seq;
    this.handlers.event(data);
  }
}
