"use strict";

/* The five intervals of the scale of ITU-R BS.1534-3, section 5.4. */
const GRADES = ["Bad", "Poor", "Fair", "Good", "Excellent"];

const trials = [];
/* The training uses one of the items; its scores are discarded. */
let queue = [];
let current = null;
let ended = false;

const gradeOf = (score) => GRADES[Math.min(Math.floor(score / 20), 4)];

function card(index) {
  const letter = String.fromCharCode(65 + index);
  const box = document.createElement("div");
  box.className = "stimulus";
  box.innerHTML = `<div class="tools"><button type="button" class="choice"><kbd></kbd> <span></span></button>
    <output></output> <span class="unheard">not played</span></div>
    <label><span class="name"></span><input type="range" min="0" max="100" value="50"></label>
    <div class="marks" aria-hidden="true">${GRADES.map((grade) => `<span>${grade}</span>`).join("")}</div>`;
  box.querySelector("kbd").textContent = index + 2 < 10 ? index + 2 : "";
  box.querySelector("button span").textContent = letter;
  box.querySelector(".name").textContent = `Score of ${letter}`;
  const slider = box.querySelector("input");
  const rate = () => {
    current.ratings[index] = Number(slider.value);
    update();
    keep();
  };
  slider.addEventListener("input", rate);
  // Listeners who mean exactly the middle do not move the slider, but have rated.
  slider.addEventListener("pointerup", rate);
  slider.addEventListener("keyup", (event) => { if (event.key === "Enter") rate(); });
  slider.addEventListener("focus", () => player.select(index + 1));
  box.querySelector("button").addEventListener("click", () => listen(index + 1));
  return box;
}

function listen(index) {
  player.select(index);
  player.play();
}

const isHeard = (index) => current.played[index] >= HEARD_MILLISECONDS;

function update() {
  document.querySelectorAll(".stimulus").forEach((box, index) => {
    const score = current.ratings[index];
    const text = score === null ? "not rated" : String(score);
    const slider = box.querySelector("input");
    if (score !== null) slider.value = score;
    slider.setAttribute("aria-valuetext", score === null ? text : `${score}, ${gradeOf(score)}`);
    box.querySelector("output").textContent = text;
    box.querySelector(".unheard").hidden = isHeard(index + 1);
  });
  const unrated = current.ratings.filter((score) => score === null).length;
  const unheard = current.played.filter((_, index) => !isHeard(index)).length;
  by("next").disabled = unrated + unheard > 0;
  by("missing").textContent = [unheard && `${unheard} to play`, unrated && `${unrated} to rate`].filter(Boolean).join(", ");
}

function keep() {
  const { item, training, order, ratings, played, begun } = current;
  const seconds = (performance.now() - begun) / 1000;
  remember({
    trials, ended, comment: by("comment").value, queue: queue.map((each) => test.items.indexOf(each)),
    current: { item: test.items.indexOf(item), training, order, ratings, played, seconds },
  });
}

/** Show a trial: a new one, or one that was kept. */
async function open({ item, training, order = shuffled(item.stimuli), ratings, played, seconds = 0 }) {
  current = {
    item, training, order, ratings: ratings || order.map(() => null), played: played || [0, ...order.map(() => 0)],
    begun: performance.now() - 1000 * seconds,
  };
  by("heading").textContent = training ? "Training" : `Part ${trials.length + 1} of ${test.items.length}`;
  by("hint").textContent = training
    ? "Get to know the versions and the sliders, and set the volume. These scores do not count."
    : "How good is each version, compared with the reference?";
  by("stimuli").replaceChildren(...order.map((_, index) => card(index)));
  update();
  player.load(await stimuli(item, ["reference", ...order]), [1, ...order.map(() => 1)]);
  player.select(0);
  show("trial");
  keep();
  document.body.dataset.trial = String(trials.length + (training ? 0 : 1));
}

function finish() {
  const { item, training, order, ratings, begun } = current;
  player.pause();
  if (!training) {
    trials.push({
      item: item.name, order, seconds: Math.round((performance.now() - begun) / 1000),
      ratings: Object.fromEntries(order.map((name, index) => [name, ratings[index]])),
    });
  }
  if (queue.length) open({ item: queue.shift(), training: false });
  else end();
}

function end() {
  ended = true;
  offer();
  show("end");
}

function offer() {
  offerResults({ trials, comment: by("comment").value });
  keep();
}

function resume(state) {
  trials.push(...state.trials);
  queue = state.queue.map((index) => test.items[index]);
  by("comment").value = state.comment;
  const kept = { ...state.current, item: test.items[state.current.item] };
  if (!state.ended) {
    open(kept);
    return;
  }
  current = { ...kept, begun: performance.now() };
  end();
}

connectDeck(player);
connectStartOver();
connectIntroduction(() => {
  queue = shuffled(test.items);
  open({ item: queue[0], training: true });
});
by("reference").addEventListener("click", () => listen(0));
by("next").addEventListener("click", finish);
by("comment").addEventListener("input", offer);
countPlaying((index, milliseconds) => {
  if (!current || ended) return;
  const before = isHeard(index);
  current.played[index] += milliseconds;
  if (before === isHeard(index)) return;
  update();
  keep();
});
player.addEventListener("change", () => {
  document.querySelectorAll(".choice").forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === player.active));
    button.closest(".stimulus")?.classList.toggle("active", index === player.active);
  });
});
const state = recall();
if (state) resume(state);
