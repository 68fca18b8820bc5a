"use strict";

const trials = [];
/* The training uses one of the items; its scores are discarded. */
let queue = [];
let current = null;

function card(index) {
  const letter = String.fromCharCode(65 + index);
  const box = document.createElement("div");
  box.className = "stimulus";
  box.innerHTML = `<button type="button" class="choice"><kbd></kbd> <span></span></button>
    <label><span class="name"></span><input type="range" min="0" max="100" value="50"></label>
    <output>not rated</output>`;
  box.querySelector("kbd").textContent = index + 2 < 10 ? index + 2 : "";
  box.querySelector("button span").textContent = letter;
  box.querySelector(".name").textContent = `Score of ${letter}`;
  const slider = box.querySelector("input");
  const output = box.querySelector("output");
  const rate = () => {
    current.ratings[index] = Number(slider.value);
    output.textContent = slider.value;
    slider.setAttribute("aria-valuetext", slider.value);
    update();
  };
  slider.setAttribute("aria-valuetext", "not rated");
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

function update() {
  const missing = current.ratings.filter((score) => score === null).length;
  by("next").disabled = missing > 0;
  by("missing").textContent = missing ? `${missing} to rate` : "";
}

async function open({ item, training }) {
  const order = shuffled(item.stimuli);
  current = { item, training, order, ratings: order.map(() => null), begun: performance.now() };
  by("heading").textContent = training ? "Training" : `Part ${trials.length + 1} of ${test.items.length}`;
  by("hint").textContent = training
    ? "Get to know the versions and the sliders, and set the volume. These scores do not count."
    : "How good is each version, compared with the reference?";
  by("stimuli").replaceChildren(...order.map((_, index) => card(index)));
  player.load(await stimuli(item, ["reference", ...order]), [1, ...order.map(() => 1)]);
  player.select(0);
  show("trial");
  update();
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
  if (queue.length) {
    open({ item: queue.shift(), training: false });
  } else {
    update();
    offer();
    show("end");
  }
}

function offer() {
  offerResults({ trials, comment: by("comment").value });
}

connectDeck(player);
connectIntroduction(() => {
  queue = shuffled(test.items);
  open({ item: queue[0], training: true });
});
by("reference").addEventListener("click", () => listen(0));
by("next").addEventListener("click", finish);
by("comment").addEventListener("input", offer);
player.addEventListener("change", () => {
  document.querySelectorAll(".choice").forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === player.active));
    button.closest(".stimulus")?.classList.toggle("active", index === player.active);
  });
});
