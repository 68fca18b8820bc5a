"use strict";

/* The common parts of the listening tests: random numbers, the listener, and the file of results. */

const test = pageData();
const player = new SyncPlayer();
let started = new Date().toISOString();
/* What one page keeps in the browser, so that a reload or a closed window loses nothing. */
const STORE = `mp3restore-${test.mode}-${test.test}`;
/* So long must a version play before it counts as heard. */
const HEARD_MILLISECONDS = 500;

/** A whole number below `limit`, from the browser's cryptographic random numbers. */
function chance(limit) {
  return crypto.getRandomValues(new Uint32Array(1))[0] % limit;
}

/** The items in random order. */
function shuffled(items) {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = chance(i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** Show one section of the page, and move the focus to its heading for users of screen readers. */
function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  const heading = by(name).querySelector("h2");
  heading.tabIndex = -1;
  heading.focus();
}

/** Decode stimuli of an item by their names. */
function stimuli(item, names) {
  const number = test.items.indexOf(item);
  return Promise.all(names.map((name) => embeddedAudio(`audio-${number}-${item.stimuli.indexOf(name)}`, item.rate)));
}

/** Keep the state of the test; where the browser keeps nothing, the test goes on without. */
function remember(state) {
  try {
    localStorage.setItem(STORE, JSON.stringify({ ...state, listener: by("listener").value, started }));
  } catch {
    // Storage may be full or forbidden.
  }
}

/** What was kept, or null. */
function recall() {
  try {
    const state = JSON.parse(localStorage.getItem(STORE));
    if (state) {
      by("listener").value = state.listener;
      started = state.started;
    }
    return state;
  } catch {
    return null;
  }
}

/** Let buttons throw everything away; one click alone does not. */
function connectStartOver() {
  for (const button of document.querySelectorAll(".start-over")) {
    button.addEventListener("click", () => {
      if (button.dataset.asked) {
        try {
          localStorage.removeItem(STORE);
        } catch {
          // Then there is nothing to remove.
        }
        location.reload();
      }
      button.dataset.asked = "yes";
      button.textContent = "Lose all answers? Click again";
    });
  }
}

/** Count for how long each recording plays; `played` gets its index and the milliseconds since the last time. */
function countPlaying(played) {
  let last = null;
  player.addEventListener("position", () => {
    const now = performance.now();
    if (player.playing && last !== null) played(player.active, now - last);
    last = player.playing ? now : null;
  });
}

/** Offer the results as a file; they are not sent anywhere. */
function offerResults(content) {
  const result = {
    format: "mp3restore-listening-test", schema: 1, mode: test.mode, title: test.title, test: test.test,
    listener: by("listener").value.trim(), started, finished: new Date().toISOString(), ...content,
  };
  const link = by("download");
  link.href = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(result, null, 1))}`;
  link.download = `${test.mode}-${result.listener.replace(/[^\p{L}\p{N}-]+/gu, "_")}.json`;
}

/** Let a test begin once the listener has entered a name. */
function connectIntroduction(begin) {
  const name = by("listener");
  const update = () => { by("begin").disabled = !name.value.trim(); };
  name.addEventListener("input", update);
  by("begin").addEventListener("click", begin);
  update();
}
