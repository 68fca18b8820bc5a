"use strict";

const TRIALS = 16;
const runs = [];
let run = null;
/* Whether X is A in this trial. */
let isA = false;
let buffers = [];

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
  const system = item.stimuli.find((name) => !["anchor", "mp3", "reference"].includes(name));
  fill("a", item.stimuli, "reference");
  fill("b", item.stimuli, system);
}

async function begin() {
  const item = test.items[by("item").selectedIndex];
  run = { item: item.name, a: by("a").value, b: by("b").value, answers: [] };
  buffers = await stimuli(item, [run.a, run.b]);
  show("trial");
  next();
}

function next() {
  const loop = player.loop;
  isA = chance(2) === 0;
  player.load([...buffers, buffers[isA ? 0 : 1]], [1, 1, 1]);
  // A loop stays set in the next trial.
  player.setLoop(loop);
  by("heading").textContent = `Trial ${run.answers.length + 1} of ${TRIALS}`;
}

function answer(a) {
  run.answers.push(a === isA);
  if (run.answers.length < TRIALS) {
    next();
    return;
  }
  player.pause();
  runs.push(run);
  const correct = run.answers.filter(Boolean).length;
  by("result").textContent =
    `${run.item}, ${run.a} / ${run.b}: ${correct} of ${TRIALS} correct, p = ${guessing(correct, TRIALS).toFixed(4)}.`;
  offerResults({ runs });
  show("end");
}

connectDeck(player);
connectIntroduction(begin);
fill("item", test.items.map((item) => item.name), test.items[0].name);
offerPairs();
by("item").addEventListener("change", offerPairs);
by("is-a").addEventListener("click", () => answer(true));
by("is-b").addEventListener("click", () => answer(false));
by("again").addEventListener("click", () => show("introduction"));
document.querySelectorAll(".choice").forEach((button, index) => {
  button.addEventListener("click", () => {
    player.select(index);
    player.play();
  });
});
player.addEventListener("change", () => {
  document.querySelectorAll(".choice").forEach((button, index) => button.setAttribute("aria-pressed", String(index === player.active)));
});
