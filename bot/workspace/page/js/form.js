// What people have entered or chosen in one container (a message, a modal, the Home), which of its controls wait for
// the app, and what went wrong. Values are Slack's state values: {type, value} or {type, selected_option} and so on.

export class Form {
  #values = new Map();
  #busy = new Set();

  constructor(onChange = () => {}) {
    this.version = 0;
    this.notes = new Map();
    this.onChange = onChange;
  }

  /** The value of a control, or `initial` where nobody has touched it. */
  get(blockId, actionId, initial = null) {
    const key = `${blockId}\n${actionId}`;
    return this.#values.has(key) ? this.#values.get(key) : initial;
  }

  set(blockId, actionId, value, { quiet = false } = {}) {
    this.#values.set(`${blockId}\n${actionId}`, value);
    this.notes.delete(blockId);
    if (!quiet) this.touch();
  }

  isBusy(blockId, actionId) {
    return this.#busy.has(`${blockId}\n${actionId}`);
  }

  blockIsBusy(blockId) {
    return [...this.#busy].some((key) => key.startsWith(`${blockId}\n`));
  }

  setBusy(blockId, actionId, on) {
    if (on) this.#busy.add(`${blockId}\n${actionId}`);
    else this.#busy.delete(`${blockId}\n${actionId}`);
    this.touch();
  }

  note(blockId, text) {
    if (text) this.notes.set(blockId, text);
    else this.notes.delete(blockId);
    this.touch();
  }

  touch() {
    this.version += 1;
    this.onChange();
  }
}
