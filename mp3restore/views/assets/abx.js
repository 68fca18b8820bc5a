"use strict";

const TRIALS = 16;
const runs = [];
let run = null;
/* Whether X is A in this trial. */
let isA = false;
let buffers = [];
/* For how many milliseconds A, B and X have played in this trial. */
let played = [0, 0, 0];

/** Probability of at least this many correct answers by guessing. */
function guessing(correct, trials) {
  let ways = 1;
  let sum = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= correct) sum += ways;
    ways = (ways * (trials - k)) / (k + 1);
  }
  return sum / 2 ** trials;
}

function fill(name, options, chosen) {
  by(name).replaceChildren(...options.map((text) => new Option(text, text, text === chosen, text === chosen)));
}

function offerPairs() {
  const item = test.items[by("item").selectedIndex];
  const system = item.stimuli.find((name) => !["low anchor", "mid anchor", "mp3", "reference"].includes(name));
  fill("a", item.stimuli, "reference");
  fill("b", item.stimuli, system);
}

async function begin() {
  run = { item: test.items[by("item").selectedIndex].name, a: by("a").value, b: by("b").value, answers: [] };
  await open();
}

async function open(chosen) {
  buffers = await stimuli(test.items.find((item) => item.name === run.item), [run.a, run.b]);
  show("trial");
  next(chosen);
}

const isHeard = (index) => played[index] >= HEARD_MILLISECONDS;

/** X alone tells nothing, and neither do A and B without it. */
function update() {
  const missing = [!isHeard(2) && "X", !isHeard(0) && !isHeard(1) && "A or B"].filter(Boolean);
  by("missing").textContent = missing.length ? `Play ${missing.join(" and ")} first.` : "";
  for (const name of ["is-a", "is-b"]) by(name).disabled = missing.length > 0;
}

function next(chosen = chance(2) === 0) {
  const loop = player.loop;
  isA = chosen;
  played = [0, 0, 0];
  player.load([...buffers, buffers[isA ? 0 : 1]], [1, 1, 1]);
  // A loop stays set in the next trial.
  player.setLoop(loop);
  by("heading").textContent = `Trial ${run.answers.length + 1} of ${TRIALS}`;
  update();
  keep();
}

function keep() {
  remember({ runs, run, isA });
}

async function resume(state) {
  runs.push(...state.runs);
  run = state.run;
  if (run.answers.length < TRIALS) await open(state.isA);
  else end();
}

function answer(a) {
  run.answers.push(a === isA);
  if (run.answers.length < TRIALS) {
    next();
    return;
  }
  player.pause();
  runs.push(run);
  keep();
  end();
}

function end() {
  const correct = run.answers.filter(Boolean).length;
  by("result").textContent =
    `${run.item}, ${run.a} / ${run.b}: ${correct} of ${TRIALS} correct, p = ${guessing(correct, TRIALS).toFixed(4)}.`;
  offerResults({ runs });
  show("end");
}

connectDeck(player);
connectStartOver();
connectIntroduction(begin);
fill("item", test.items.map((item) => item.name), test.items[0].name);
offerPairs();
by("item").addEventListener("change", offerPairs);
by("is-a").addEventListener("click", () => answer(true));
by("is-b").addEventListener("click", () => answer(false));
by("again").addEventListener("click", () => show("introduction"));
countPlaying((index, milliseconds) => {
  played[index] += milliseconds;
  update();
});
document.querySelectorAll(".choice").forEach((button, index) => {
  button.addEventListener("click", () => {
    player.select(index);
    player.play();
  });
});
player.addEventListener("change", () => {
  document.querySelectorAll(".choice").forEach((button, index) => button.setAttribute("aria-pressed", String(index === player.active)));
});
const state = recall();
if (state) resume(state);
