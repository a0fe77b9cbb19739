// How far the two have come, for those who watch.

import { html } from "/static/vendor/htm-preact/standalone.module.js";

const steps = [
  "One asks, and waits in a bucket",
  "Another asks: the bucket pairs them",
  "Both say yes",
  "The session opens",
  "The event goes out",
];

/** The number of the step they are at, or -1. */
function reached(people, events) {
  const phases = people.map(({ phase }) => phase);
  if (phases.includes("waiting")) return 2;
  if (phases.includes("matched")) return 1;
  if (phases.includes("searching")) return 0;
  if (phases.includes("idle")) return -1;
  const [{ session }] = people;
  return events.some(({ published_at, body }) => published_at && body.match_id === session.match_id) ? 4 : 3;
}

export function Steps({ people, events }) {
  const now = reached(people, events);
  return html`<ol class="steps" aria-label="How they meet">
    ${steps.map(
      (text, number) => html`<li key=${number} class=${number < now ? "done" : ""} aria-current=${number === now ? "step" : null}>
        ${text}
      </li>`,
    )}
  </ol>`;
}
