// One person: what they know from their own socket and answers, and what they may do. Knows no other person.
//
//   idle --find--> searching --match_found--> matched --confirm--> waiting --match_ready--> session --leave--> idle
//     ^---cancel, request_timeout---'            '---decline, match_expired: idle or searching again---'

import { Problem, callsOf, serverNow, tokenOf } from "./api.js";
import { Line } from "./line.js";
import { endOfMatch, past } from "./words.js";

const MOST_ENTRIES = 40;
const POLL = 2000;

export class Person {
  name = "";
  wish = { difficulty: "easy", topic: "Array" };
  request = null;
  match = null;
  session = null;
  place = null; // { position, estimate }
  notice = "";
  error = "";
  isBusy = false;
  line = "lost";
  entries = [];

  #calls = null;
  #socket = null;
  #listeners = new Set();
  #poll = 0;
  #number = 0;

  constructor(name) {
    this.enter(name);
  }

  get phase() {
    if (this.match) return this.match.you_confirmed ? "waiting" : "matched";
    if (this.request) return "searching";
    return this.session ? "session" : "idle";
  }

  /** Call `listener` after every change; the result undoes it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Become `name`, with a token and a socket of their own. */
  enter(name) {
    this.#socket?.end();
    this.#stand({ request: null, match: null, session: null });
    Object.assign(this, { name, notice: "", error: "", entries: [], line: "lost", isBusy: false });
    this.#calls = null;
    this.#socket = new Line({
      token: (isStale) => this.#token(name, isStale),
      onFrame: (frame) => this.#hear(frame),
      onState: (state) => this.#set({ line: state }),
    });
    this.#changed();
  }

  set(wish) {
    this.wish = { ...this.wish, ...wish };
    this.#changed();
  }

  find = () => this.#act("POST /request", (calls) => calls.request(this.wish), (request) => this.#stand({ request }));

  cancel = () =>
    this.#act("DELETE /request", (calls) => calls.cancel(this.request.id), () => {
      this.#stand({ request: null, match: null });
      this.notice = past.cancelled;
    });

  confirm = () => this.#act("POST /confirm", (calls) => calls.confirm(this.match.match_id, true), this.#confirmed);

  decline = () =>
    this.#act("POST /confirm", (calls) => calls.confirm(this.match.match_id, false), () => {
      this.#stand({ request: null, match: null });
      this.notice = past.declined;
    });

  leave = () =>
    this.#act("POST /sessions/leave", (calls) => calls.leave(this.session.session_id), () => {
      this.#stand({ session: null });
      this.notice = past.left;
    });

  async #token(name, isStale) {
    if (this.#calls && !isStale) return this.#calls.token;
    try {
      const token = await tokenOf(name);
      if (name === this.name) this.#calls = { ...callsOf(token), token };
      return token;
    } catch (problem) {
      if (name === this.name && problem.status) this.#set({ error: problem.message });
      throw problem;
    }
  }

  /** One thing at a time: a second click while the first is on its way does nothing. */
  async #act(title, ask, then) {
    if (this.isBusy || !this.#calls) return;
    this.#set({ isBusy: true, error: "", notice: "" });
    const calls = this.#calls;
    try {
      const { status, body } = await ask(calls);
      if (calls !== this.#calls) return;
      this.#note("asked", `${title} → ${status}`, body);
      then(body);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (calls !== this.#calls) return;
      this.#note("refused", `${title} → ${problem.status || "no answer"}`, problem.body);
      this.error = problem.message;
      if (problem.status === 404 || problem.status === 409) this.#socket.refresh(); // we stand elsewhere than we thought
    } finally {
      if (calls === this.#calls) this.#set({ isBusy: false });
    }
  }

  #confirmed = (answer) => {
    if (answer.session_id) this.#opened(answer);
    else if (this.match?.match_id === answer.match_id) this.match = { ...this.match, you_confirmed: true };
  };

  #hear(frame) {
    this.#note("heard", frame.type, frame);
    const isMine = !this.match || this.match.match_id === frame.match_id;
    switch (frame.type) {
      case "state":
        this.#stand(frame);
        if (frame.session) this.#set({ notice: "" });
        break;
      case "match_found":
        this.#stand({ match: { ...frame, you_confirmed: false, partner_confirmed: false } });
        this.notice = "";
        if (!this.request) this.#socket.refresh(); // another tab asked: the state frame tells what
        break;
      case "partner_confirmed":
        if (this.match && isMine) this.match = { ...this.match, partner_confirmed: true };
        break;
      case "match_ready":
        this.#opened(frame);
        break;
      case "match_expired":
        if (isMine) this.#ended(frame);
        break;
      case "request_timeout":
        if (this.request?.id === frame.request_id) {
          this.#stand({ request: null });
          this.notice = past.timeout;
        }
        break;
      case "partner_left":
        if (this.session?.session_id === frame.session_id) this.session = { ...this.session, hasLeft: true };
        break;
    }
    this.#changed();
  }

  #ended(frame) {
    const { difficulty, topic, partner_id } = this.match ?? this.request ?? {};
    const again = { created_at: new Date(serverNow()).toISOString(), difficulty, topic, ...this.request };
    this.#stand({ match: null, request: frame.requeued ? { ...again, id: frame.request_id, expires_at: null } : null });
    this.notice = endOfMatch(frame, partner_id);
  }

  #opened({ session_id, match_id, partner_id }) {
    if (this.session?.session_id === session_id) return;
    this.#stand({ request: null, match: null, session: { session_id, match_id, partner_id, question: null } });
    this.notice = "";
    this.#readSession(session_id);
  }

  async #readSession(id) {
    try {
      const { body } = await this.#calls.session(id);
      if (this.session?.session_id === id) this.#set({ session: { ...this.session, question: body.question } });
    } catch (problem) {
      this.#set({ error: problem.message });
    }
  }

  /** Take in where we stand, and ask for our place as long as we search. */
  #stand({ request = this.request, match = this.match, session = this.session }) {
    if (request?.id !== this.request?.id) this.place = null;
    Object.assign(this, { request, match, session });
    clearTimeout(this.#poll);
    if (this.phase === "searching") this.#askPlace(request.id);
  }

  async #askPlace(id) {
    const isCurrent = () => this.phase === "searching" && this.request.id === id;
    try {
      const { body } = await this.#calls.requestStatus(id);
      if (!isCurrent()) return;
      if (body.status === "cancelled" || body.status === "timeout") {
        this.#stand({ request: null });
        this.notice = past[body.status];
      } else if (body.status === "pending") {
        this.place = { position: body.position, estimate: body.estimated_wait_seconds };
        this.request = { ...this.request, expires_at: body.expires_at };
      }
      this.#changed();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem; // the line says when the service is away
    }
    clearTimeout(this.#poll);
    if (isCurrent()) this.#poll = setTimeout(() => isCurrent() && this.#askPlace(id), POLL);
  }

  #note(kind, title, json) {
    const entry = { key: ++this.#number, at: new Date(), kind, title, json };
    this.entries = [entry, ...this.entries].slice(0, MOST_ENTRIES);
  }

  #set(change) {
    Object.assign(this, change);
    this.#changed();
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}
