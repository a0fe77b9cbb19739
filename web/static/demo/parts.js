// Small parts that the others are made of.

import { html, useEffect, useRef, useState } from "/static/vendor/htm-preact/standalone.module.js";
import { serverNow } from "./api.js";
import { clock } from "./words.js";

/** Render again whenever `source` says that it changed. */
export function useChanges(source) {
  const [, setCount] = useState(0);
  useEffect(() => source.subscribe(() => setCount((count) => count + 1)), [source]);
}

/** The server's time in milliseconds, four times a second. */
export function useNow() {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 250);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** A button that ignores the second half of a double click, and keeps the focus while it is out of use. */
export function Button({ kind = "plain", isOff = false, onPress, children, ...rest }) {
  const press = (event) => {
    if (!isOff && event.detail < 2) onPress();
  };
  return html`<button type="button" class=${`button ${kind}`} aria-disabled=${String(isOff)} onClick=${press} ...${rest}>
    ${children}
  </button>`;
}

/** A ring that empties towards `ends`; in it the time gone by since `since`, or what is left. */
export function Ring({ since, ends, label }) {
  const now = useNow();
  const first = useRef({});
  const end = ends ? Date.parse(ends) : NaN;
  if (first.current.end !== end) first.current = { end, total: Math.max(1, end - now) };
  const left = Math.max(0, end - now);
  const share = Number.isNaN(end) ? 1 : Math.min(1, left / first.current.total);
  const seconds = since ? (now - Date.parse(since)) / 1000 : left / 1000;
  return html`<div class="ring" role="timer" aria-label=${label}>
    <svg viewBox="0 0 100 100" aria-hidden="true">
      <circle class="track" cx="50" cy="50" r="45" />
      <circle class="left" cx="50" cy="50" r="45" pathLength="1" stroke-dasharray="1" stroke-dashoffset=${1 - share} />
    </svg>
    <span class="time">${clock(Number.isFinite(seconds) ? (since ? seconds : Math.ceil(seconds)) : 0)}</span>
    <span class="caption">${label}</span>
  </div>`;
}

/** JSON as people read it. */
export const Json = ({ value }) => html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
