// The page: two people who share nothing but the service, and the service between them.

import { html, render, useState } from "/static/vendor/htm-preact/standalone.module.js";
import { Backstage, useBackstage } from "./backstage.js";
import { meet } from "./meeting.js";
import { Button, useChanges } from "./parts.js";
import { Person } from "./person.js";
import { Seat } from "./seat.js";
import { Steps } from "./steps.js";

/** A reload keeps the names; everything else comes back with the `state` frame. */
function seated(side, name) {
  const person = new Person(sessionStorage.getItem(side) ?? name);
  person.subscribe(() => sessionStorage.setItem(side, person.name));
  return person;
}

const one = seated("one", "Alice");
const other = seated("other", "Bob");

function Page() {
  const shown = useBackstage();
  return html`<${Top} events=${shown?.events ?? []} />
    <main>
      <${Seat} person=${one} side="one" />
      <${Seat} person=${other} side="other" />
      <${Backstage} shown=${shown} />
    </main>
    <footer>
      <a href="/docs">REST</a>
      <a href="/docs/events">WebSocket and events</a>
      <a href="/health/ready">Health</a>
      <a href="/metrics">Metrics</a>
    </footer>
    <datalist id="topics">${(shown?.topics ?? []).map((topic) => html`<option key=${topic} value=${topic} />`)}</datalist>`;
}

function Top({ events }) {
  const [isMeeting, setMeeting] = useState(false);
  const [trouble, setTrouble] = useState("");
  useChanges(one);
  useChanges(other);
  const start = async () => {
    setMeeting(true);
    setTrouble("");
    await meet(one, other).catch((error) => setTrouble(`They did not meet: ${error.message}`));
    setMeeting(false);
  };
  const isReady = one.line === "open" && other.line === "open";
  return html`<header class="top">
    <div>
      <h1>Two people meet</h1>
      <p>Each has a token and a socket of their own. The service finds them a partner, asks both, and opens a session.</p>
    </div>
    <${Button} kind="meet" isOff=${isMeeting || !isReady} onPress=${start}>${isMeeting ? "They meet …" : "Let them meet"}<//>
    <${Steps} people=${[one, other]} events=${events} />
    <p class="error" role="alert">${trouble}</p>
  </header>`;
}

render(html`<${Page} />`, document.getElementById("page"));
