// "Let them meet": presses the two people's buttons, at a speed one can follow.

import { phases } from "./words.js";

const LOOK = 1200; // milliseconds between two steps
const PATIENCE = 15_000; // for something to happen that the service does

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Returns once `person` is at `phase`, and nothing of theirs is on its way. */
function reached(person, phase) {
  return new Promise((resolve, reject) => {
    const end = (settle, reason) => {
      clearTimeout(timer);
      forget();
      settle(reason);
    };
    const look = () => {
      if (person.isBusy) return;
      if (person.phase === phase) end(resolve);
      else if (person.error) end(reject, new Error(person.error));
    };
    const timer = setTimeout(() => end(reject, new Error(`${person.name} is ${phases[person.phase]}.`)), PATIENCE);
    const forget = person.subscribe(look);
    look();
  });
}

/** Wherever they are, bring them back to the beginning. */
async function goHome(person) {
  for (let tries = 0; person.phase !== "idle" && tries < 4; tries += 1) {
    await (person.phase === "session" ? person.leave() : person.cancel());
    await pause(LOOK / 4);
  }
  await reached(person, "idle");
}

/** The whole flow. Throws a sentence when it cannot go on. */
export async function meet(one, other) {
  await goHome(one);
  await goHome(other);
  other.set(one.wish);
  await one.find();
  await reached(one, "searching");
  await pause(2 * LOOK);
  await other.find();
  await both(one, other, "matched");
  await one.confirm();
  await pause(LOOK);
  await other.confirm();
  await both(one, other, "session");
}

async function both(one, other, phase) {
  await Promise.all([reached(one, phase), reached(other, phase)]);
  await pause(LOOK);
}
