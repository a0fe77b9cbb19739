// The inside of the service, asked for once a second.

import { html, useEffect, useState } from "/static/vendor/htm-preact/standalone.module.js";
import { lookBackstage, serverNow } from "./api.js";
import { Json } from "./parts.js";
import { clock, time } from "./words.js";

const EVERY = 1000;
const PATIENCE = 4000; // an event is out in less, where it can go out at all

const servers = [
  ["postgres", "PostgreSQL", "keeps the truth"],
  ["redis", "Redis", "indexes who waits"],
  ["rabbitmq", "RabbitMQ", "carries the events"],
];

/** What the service shows of itself, or null while it does not answer. Hidden pages do not ask. */
export function useBackstage() {
  const [shown, setShown] = useState(undefined);
  useEffect(() => {
    let timer = 0;
    let isOver = false;
    const look = async () => {
      if (!document.hidden) {
        const now = await lookBackstage().catch(() => null);
        if (!isOver) setShown(now);
      }
      if (!isOver) timer = setTimeout(look, EVERY);
    };
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return shown;
}

export function Backstage({ shown }) {
  return html`<section class="card backstage" aria-labelledby="backstage">
    <header class="head"><h2 id="backstage">Inside the service</h2></header>
    ${shown === null && html`<p class="error" role="alert">The service does not answer. Asking again every second.</p>`}
    ${shown &&
    html`<${Servers} states=${shown.dependencies} isUnheard=${isUnheard(shown)} />
      <${Buckets} buckets=${shown.buckets} />
      <${Mailboxes} mailboxes=${shown.mailboxes} />
      <${Events} events=${shown.events} waiting=${shown.events_waiting} />`}
  </section>`;
}

/** Whether events wait though the broker is there: it takes none that no queue is bound for. */
const isUnheard = ({ dependencies, events }) =>
  dependencies.rabbitmq === "ok" &&
  events.some((event) => !event.published_at && serverNow() - Date.parse(event.created_at) > PATIENCE);

function Servers({ states, isUnheard }) {
  return html`<ul class="servers" aria-label="Servers">
      ${servers.map(
        ([name, title, purpose]) => html`<li key=${name} class=${states[name].replaceAll(" ", "-")} data-server=${name}>
          <strong>${title}</strong> <span class="state">${states[name]}</span> <span class="quiet">${purpose}</span>
        </li>`,
      )}
    </ul>
    <${Advice} states=${states} isUnheard=${isUnheard} />`;
}

function Advice({ states, isUnheard }) {
  const advice = [
    states.postgres !== "ok" && "Nothing can be promised without PostgreSQL: start the one that DATABASE_URL names.",
    states.redis !== "ok" && "Redis is only the index: it is filled again from PostgreSQL once it answers.",
    states.rabbitmq === "not configured" &&
      "Events wait in the outbox. To see them go out, install rabbitmq-server and start again, or set RABBITMQ_URL.",
    states.rabbitmq === "away" && "RabbitMQ is away or still starting: events wait in the outbox and go out later.",
    isUnheard && "No queue is bound to the exchange matching.events: events wait until a consumer binds one.",
  ].filter(Boolean);
  return advice.map((sentence) => html`<p class="advice" key=${sentence}>${sentence}</p>`);
}

function Buckets({ buckets }) {
  return html`<section class="panel">
    <h3>Buckets</h3>
    <table class="buckets">
      <thead><tr><th>Difficulty</th><th>Topic</th><th class="number">Waiting</th><th class="number">Oldest wait</th></tr></thead>
      <tbody>
        ${buckets.map(
          (bucket) => html`<tr key=${`${bucket.difficulty}:${bucket.topic}`}>
            <td>${bucket.difficulty}</td><td>${bucket.topic}</td>
            <td class="number"><b>${bucket.waiting}</b></td>
            <td class="number">${clock(bucket.oldest_wait_seconds)}</td>
          </tr>`,
        )}
        ${!buckets.length && html`<tr><td colspan="4" class="quiet">Nobody waits.</td></tr>`}
      </tbody>
    </table>
  </section>`;
}

function Mailboxes({ mailboxes }) {
  return html`<section class="panel">
    <h3>Mailboxes</h3>
    <table class="mailboxes">
      <thead><tr><th>Kind of actor</th><th class="number">Actors</th><th class="number">Letters waiting</th></tr></thead>
      <tbody>
        ${mailboxes.map(
          ({ kind, actors, letters }) => html`<tr key=${kind}>
            <td>${kind}</td><td class="number">${actors}</td><td class="number"><b>${letters}</b></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

function Events({ events, waiting }) {
  return html`<section class="panel">
    <h3>Events that went out ${waiting > 0 && html`<span class="waiting">${waiting} waiting</span>`}</h3>
    <ol class="events">
      ${events.map(
        ({ event_id, routing_key, created_at, published_at, body }) => html`<li key=${event_id} class=${published_at ? "out" : "kept"}>
          <details>
            <summary>
              <code>${routing_key}</code>
              <span class="fate">${published_at ? "published" : "waiting"}</span>
              <time>${time(published_at ?? created_at)}</time>
            </summary>
            <${Json} value=${body} />
          </details>
        </li>`,
      )}
    </ol>
    ${!events.length && html`<p class="quiet">None yet.</p>`}
  </section>`;
}
