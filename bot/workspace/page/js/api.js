// The client API's wire (docs/workspace.md): one function a call, errors as ApiError. Holds no state but who is acting.

export class ApiError extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export class Api {
  constructor(as) {
    this.as = as;
  }

  /** Who one may be: {people}. The one call that acts as nobody. */
  people() {
    return this.get("people", {});
  }

  boot() {
    return this.get("boot", {});
  }

  /** {messages, has_more}, oldest first; with thread_ts the parent and its replies. */
  history(channel, { threadTs, before, limit } = {}) {
    return this.get("history", { channel, thread_ts: threadTs, before, limit });
  }

  home() {
    return this.get("home", {});
  }

  suggest(q, channel) {
    return this.get("suggest", { q, channel });
  }

  send(channel, text, threadTs) {
    return this.post("send", { channel, text, ...(threadTs ? { thread_ts: threadTs } : {}) });
  }

  action(action, container, state) {
    return this.post("action", { action, container, ...(state ? { state } : {}) });
  }

  submit(viewId, values) {
    return this.post("submit", { view_id: viewId, values });
  }

  /** Closes a modal; with `clear` the whole stack. */
  close(viewId, clear = false) {
    return this.post("close", { view_id: viewId, ...(clear ? { clear } : {}) });
  }

  /** The choices of an external select for what was typed: {options}. */
  options(action, container, value) {
    return this.post("options", { action, container, value });
  }

  shortcut(callbackId, target) {
    return this.post("shortcut", { callback_id: callbackId, ...(target ?? {}) });
  }

  react(channel, ts, name, remove) {
    return this.post("react", { channel, ts, name, ...(remove ? { remove } : {}) });
  }

  read(channel, ts) {
    return this.post("read", { channel, ts });
  }

  get(call, params) {
    return this.#fetch(`${call}?${this.query(params)}`, {});
  }

  post(call, body) {
    return this.#fetch(`${call}?${this.query({})}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ as: this.as, ...body }),
    });
  }

  query(params) {
    const query = new URLSearchParams();
    if (this.as) query.set("as", this.as);
    for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== null) query.set(name, value);
    return query;
  }

  async #fetch(path, init) {
    let response;
    try {
      response = await fetch(`/client/${path}`, { cache: "no-store", ...init });
    } catch {
      throw new ApiError("offline", "The workspace's server does not answer. Is it still running?", 0);
    }
    const text = await response.text();
    let body = null;
    try {
      body = text ? JSON.parse(text) : {};
    } catch {
      throw new ApiError("bad_answer", `The server answered ${response.status} with something that is not JSON.`, response.status);
    }
    if (!response.ok || body.error) {
      throw new ApiError(body.error?.code ?? "error", body.error?.message ?? `The server answered ${response.status}.`, response.status);
    }
    return body;
  }
}
