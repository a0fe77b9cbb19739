// REST, as any client would call it. A refusal becomes a Problem whose message is a sentence.

const BASE = "/api/v1/matching";

let clockIsAhead = 0; // milliseconds, the server's clock before ours

/** The server's time as we know it, so that countdowns are right on a machine whose clock is not. */
export const serverNow = () => Date.now() + clockIsAhead;

export class Problem extends Error {
  /** What application/problem+json said, for people. */
  constructor(status, body) {
    super(sentence(body));
    this.status = status;
    this.code = body.code;
    this.body = body;
  }
}

function sentence({ title, detail, errors }) {
  if (errors?.length) return errors.map(({ field, message }) => `${field}: ${message}`.replace(/^: /, "")).join(" ");
  return [title && `${title}.`, detail].filter(Boolean).join(" ") || "The service said no and not why.";
}

async function call(method, path, { token, body } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Problem(0, { title: "The service does not answer", detail: "Is it running?", code: "unreachable" });
  }
  setClock(response.headers.get("Date"));
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return { status: response.status, body: answer };
}

function setClock(date) {
  const ahead = Date.parse(date) - Date.now();
  clockIsAhead = Math.abs(ahead) > 2000 ? ahead : 0; // the header has whole seconds
}

/** The calls of the one who holds this token. Each resolves to { status, body }. */
export const callsOf = (token) => ({
  request: (wish) => call("POST", `${BASE}/request`, { token, body: wish }),
  requestStatus: (id) => call("GET", `${BASE}/requests/${id}/status`, { token }),
  cancel: (id) => call("DELETE", `${BASE}/request/${id}`, { token }),
  confirm: (match_id, confirmed) => call("POST", `${BASE}/confirm`, { token, body: { match_id, confirmed } }),
  session: (id) => call("GET", `${BASE}/session/${id}`, { token }),
  leave: (session_id) => call("POST", `${BASE}/sessions/leave`, { token, body: { session_id } }),
});

/** A token, which the User Service would give outside development. */
export const tokenOf = async (user_id) => (await call("POST", "/dev/token", { body: { user_id } })).body.token;

/** Buckets, mailboxes, events and servers. */
export const lookBackstage = async () => (await call("GET", "/dev/state")).body;

/** Where a socket of the one who holds this token is opened. */
export function socketAddress(token) {
  const address = new URL(`${BASE}/ws`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.searchParams.set("token", token);
  return address;
}
