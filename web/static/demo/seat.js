// One person's side of the page.

import { html, useLayoutEffect, useRef } from "/static/vendor/htm-preact/standalone.module.js";
import { Button, Json, Ring, useChanges, useNow } from "./parts.js";
import { clock, lines, phases, short, standing, time } from "./words.js";

const DIFFICULTIES = ["easy", "medium", "hard"];

export function Seat({ person, side }) {
  useChanges(person);
  return html`<section class=${`card seat ${side}`} aria-labelledby=${`${side}-name`} data-phase=${person.phase}>
    <${Head} person=${person} side=${side} />
    <${Stage} person=${person} side=${side} />
    <${Diary} entries=${person.entries} side=${side} />
  </section>`;
}

function Head({ person, side }) {
  const rename = ({ target }) => {
    const name = target.value.trim();
    if (name && name !== person.name) person.enter(name);
    else target.value = person.name;
  };
  return html`<header class="head">
    <span class="face" aria-hidden="true">${(person.name[0] ?? "?").toUpperCase()}</span>
    <h2 id=${`${side}-name`} class="unseen">${person.name}</h2>
    <label class="name">
      <span class="unseen">User id</span>
      <input value=${person.name} readonly=${person.phase !== "idle"} maxlength="128" spellcheck="false"
        autocomplete="off" onChange=${rename} />
    </label>
    <span class=${`line ${person.line}`}>${lines[person.line]}</span>
    <span class="badge">${phases[person.phase]}</span>
  </header>`;
}

const scenes = { idle: Idle, searching: Searching, matched: Matched, waiting: Matched, session: Session };

/** What can be done now. Keyboard users stay here when the button they pressed goes. */
function Stage({ person, side }) {
  const stage = useRef(null);
  const wasFocused = useRef(false);
  useLayoutEffect(() => {
    if (wasFocused.current && document.activeElement === document.body) stage.current.focus({ preventScroll: true });
  }, [person.phase]);
  const leave = ({ relatedTarget }) => {
    if (relatedTarget) wasFocused.current = stage.current.contains(relatedTarget);
  };
  return html`<div class="stage" ref=${stage} tabindex="-1" role="group" aria-labelledby=${`${side}-standing`}
    aria-busy=${String(person.isBusy)} onfocusin=${() => (wasFocused.current = true)} onfocusout=${leave}>
    <p class="standing" id=${`${side}-standing`} role="status">${standing(person)}</p>
    <${scenes[person.phase]} person=${person} side=${side} />
    <p class="error" role="alert">${person.error}</p>
  </div>`;
}

function Idle({ person, side }) {
  const find = (event) => {
    event.preventDefault();
    if (person.line === "open") person.find();
  };
  return html`<form class="scene" onSubmit=${find}>
    <fieldset class="choice">
      <legend>Difficulty</legend>
      ${DIFFICULTIES.map(
        (difficulty) => html`<label key=${difficulty}>
          <input type="radio" name=${`${side}-difficulty`} value=${difficulty}
            checked=${person.wish.difficulty === difficulty} onChange=${() => person.set({ difficulty })} />
          <span>${difficulty}</span>
        </label>`,
      )}
    </fieldset>
    <label class="field">
      <span>Topic</span>
      <input value=${person.wish.topic} list="topics" maxlength="64" spellcheck="false" autocomplete="off"
        onInput=${({ target }) => person.set({ topic: target.value })} />
    </label>
    <div class="actions">
      <button class="button primary" aria-disabled=${String(person.isBusy || person.line !== "open")}>Find a partner</button>
    </div>
  </form>`;
}

function Searching({ person }) {
  const { request, place } = person;
  return html`<div class="scene">
    <${Ring} since=${request.created_at} ends=${request.expires_at} label="searching" />
    <dl class="facts">
      <div><dt>Place in the queue</dt><dd class="position">${place?.position ?? "–"}</dd></div>
      <div><dt>Usual wait</dt><dd>${place?.estimate == null ? "not known yet" : `${Math.max(1, Math.round(place.estimate))} s`}</dd></div>
      <div><dt>Gives up in</dt><dd><${Left} until=${request.expires_at} /></dd></div>
    </dl>
    <div class="actions"><${Button} isOff=${person.isBusy} onPress=${person.cancel}>Cancel<//></div>
  </div>`;
}

function Left({ until }) {
  const now = useNow();
  return until ? clock((Date.parse(until) - now) / 1000) : "–";
}

function Matched({ person }) {
  const { match } = person;
  const hasConfirmed = match.you_confirmed;
  return html`<div class="scene">
    <${Ring} ends=${match.expires_at} label="to answer" />
    <dl class="facts">
      <div><dt>Partner</dt><dd class="partner">${match.partner_id}</dd></div>
      <div><dt>Question</dt><dd>${match.difficulty} ${match.topic}</dd></div>
      <div><dt>${match.partner_id}</dt><dd>${match.partner_confirmed ? "said yes" : "thinks about it"}</dd></div>
    </dl>
    <div class="actions">
      ${hasConfirmed
        ? html`<${Button} isOff=${person.isBusy} onPress=${person.cancel}>Cancel<//>`
        : html`<${Button} kind="primary" isOff=${person.isBusy} onPress=${person.confirm}>Confirm<//>
            <${Button} isOff=${person.isBusy} onPress=${person.decline}>Decline<//>`}
    </div>
  </div>`;
}

function Session({ person }) {
  const { session } = person;
  return html`<div class="scene">
    <div class="question">
      <p class="label">Question</p>
      <p class="title">${session.question?.title ?? "…"}</p>
      <p class="quiet">${session.question ? [session.question.difficulty, ...session.question.topics].join(" · ") : ""}</p>
    </div>
    <dl class="facts">
      <div><dt>Partner</dt><dd class="partner">${session.partner_id}${session.hasLeft ? ", gone" : ""}</dd></div>
      <div><dt>Session</dt><dd><code class="session" title=${session.session_id}>${short(session.session_id)}</code></dd></div>
    </dl>
    <div class="actions"><${Button} isOff=${person.isBusy} onPress=${person.leave}>Leave<//></div>
  </div>`;
}

const ways = { heard: "received", asked: "asked", refused: "refused" };

function Diary({ entries, side }) {
  return html`<div class="diary">
    <h3 id=${`${side}-diary`}>What happened</h3>
    <ol aria-labelledby=${`${side}-diary`}>
      ${entries.map(
        ({ key, at, kind, title, json }) => html`<li key=${key} class=${kind}>
          <details>
            <summary><span class="unseen">${ways[kind]}</span><code>${title}</code><time>${time(at)}</time></summary>
            <${Json} value=${json} />
          </details>
        </li>`,
      )}
    </ol>
  </div>`;
}
