// A WebSocket that comes back. Every connection begins with a `state` frame, so nothing has to be remembered here.

import { socketAddress } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;
const REPLACED = 4409; // a newer tab took this one's place: coming back would take it from the newer one
const UNAUTHORIZED = 4401;

export class Line {
  #socket = null;
  #timer = 0;
  #pause = FIRST_PAUSE;
  #isOver = false;

  /** `token(isStale)` resolves to an access token; `onFrame(frame)` and `onState("open" | "lost" | "replaced")` are told. */
  constructor({ token, onFrame, onState }) {
    Object.assign(this, { token, onFrame, onState });
    this.#open(false);
  }

  /** Hang up and call again: the next frame is the truth. */
  refresh() {
    this.#pause = 0;
    this.#socket?.close();
  }

  /** Hang up for good. */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  async #open(isStale) {
    let token;
    try {
      token = await this.token(isStale);
    } catch {
      return this.#lost(0);
    }
    if (this.#isOver) return;
    const socket = (this.#socket = new WebSocket(socketAddress(token)));
    socket.onmessage = ({ data }) => {
      if (this.#isOver) return;
      this.#pause = FIRST_PAUSE;
      this.onState("open");
      this.onFrame(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => this.#lost(code, hinted(reason));
  }

  #lost(code, hint = 0) {
    if (this.#isOver) return;
    this.onState(code === REPLACED ? "replaced" : "lost");
    if (code === REPLACED) return;
    this.#timer = setTimeout(() => this.#open(code === UNAUTHORIZED), Math.max(hint, this.#pause));
    this.#pause = Math.min(2 * this.#pause || FIRST_PAUSE, LONGEST_PAUSE);
  }
}

/** Milliseconds that a server on its way out wants its clients to wait, each another while. */
function hinted(reason) {
  return Number(/retry-after-ms=(\d{1,5})/.exec(reason)?.[1] ?? 0);
}
