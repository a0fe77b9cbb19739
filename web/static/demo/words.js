// What is said to people, and how times are written.

/** What the person just did or missed. */
export const past = {
  cancelled: "Search cancelled.",
  declined: "You declined. Your partner waits again.",
  left: "You left the session.",
  timeout: "Nobody came in time. Ask again?",
};

/** Why a match is over, for the one who is told. */
export function endOfMatch({ reason, requeued }, partner) {
  const them = partner ?? "Your partner";
  const back = requeued ? " You are back at your old place." : "";
  switch (reason) {
    case "declined":
      return requeued ? `${them} declined.${back}` : past.declined;
    case "confirmation_timeout":
      return requeued ? `${them} did not answer in time.${back}` : "You did not answer in time.";
    default:
      return `No session could be opened.${back}`;
  }
}

/** One sentence on where the person stands. */
export function standing(person) {
  const { match, session, request } = person;
  switch (person.phase) {
    case "searching":
      return person.notice || `Looking for somebody in ${request.difficulty} ${request.topic}.`;
    case "matched":
      return match.partner_confirmed
        ? `${match.partner_id} said yes. And you?`
        : `${match.partner_id} wants ${match.difficulty} ${match.topic}, too.`;
    case "waiting":
      return match.partner_confirmed ? "Both said yes. The session opens." : `You said yes. Now ${match.partner_id}.`;
    case "session":
      return session.hasLeft ? `${session.partner_id} has left.` : `You work with ${session.partner_id}.`;
    default:
      return person.notice || "What do you want to practise?";
  }
}

export const phases = { idle: "idle", searching: "searching", matched: "matched", waiting: "confirmed", session: "in session" };

export const lines = { open: "connected", lost: "connecting", replaced: "replaced by a newer tab" };

/** `75` seconds as `1:15`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** `12:04:31`, in the reader's zone. */
export const time = (moment) => new Date(moment).toLocaleTimeString("en-GB");

/** The beginning and end of a long id. */
export const short = (id) => (id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);
