"use strict";

/* The comparison on the page: of one song at a time, with one player for all. */

/* Safe for colour-blind readers (Okabe and Ito), legible on dark and light. */
const LINE_COLOURS = ["#d55e00", "#0b84d8", "#009e73", "#cc79a7", "#a08000", "#56b4e9", "#7f7f7f", "#8f63d2", "#c0392b"];
const SPECTROGRAM_ROWS = 256;
const MOST_COLUMNS = 1000;
// Between two marks of time, of which a picture has so many at most.
const STEPS_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const MOST_TICKS = 5;

const player = new SyncPlayer();
/* { names, excerpts, load }: load takes the identifier of an audio file and its rate, and promises a buffer. */
let song = null;
let excerpt = 0;
let buffers = [];
/* The view in all pictures: a part of the excerpt in seconds, and the frequency scale. */
const view = { start: 0, end: 1, log: false, highest: 20000 };
let spectra = [];
let drawing = 0;
let stages = [];
let trackButtons = [];

function nextFrame() {
  // A timeout also fires in a hidden tab, which has no animation frames.
  return new Promise((resolve) => { setTimeout(resolve); });
}

function gains() {
  return by("matched").checked ? song.excerpts[excerpt].gains : song.names.map(() => 1);
}

/** Show and play another song, whose pictures are in the element `song`. */
async function compare(next) {
  const { active } = player;
  drawing += 1; // nothing more is drawn of the song before
  buffers = [];
  delete document.body.dataset.drawn;
  player.load([], []);
  song = next;
  song.loaded ||= new Map();
  stages = [...by("song").querySelectorAll(".stage")];
  stages.forEach(connectStage);
  drawScales();
  [...by("legend").children].forEach((item, index) => { item.firstElementChild.style.background = LINE_COLOURS[index]; });
  showTracks();
  await choose(Number(document.querySelector("input[name=excerpt]:checked").value));
  if (song === next) player.select(active); // the same kind of recording as before
}

async function choose(index) {
  const current = song;
  excerpt = index;
  by("status").textContent = "Decoding...";
  const { rate, audio } = song.excerpts[index];
  if (!song.loaded.has(index)) song.loaded.set(index, Promise.all(audio.map((id) => song.load(id, rate))));
  let decoded;
  try {
    decoded = await song.loaded.get(index);
  } catch (error) {
    current.loaded.delete(index); // it may work the next time
    if (song === current) by("status").textContent = `The audio cannot be played: ${error.message}`;
    return;
  }
  if (song !== current || excerpt !== index || !stages[0].isConnected) return; // another is wanted, or none any more
  buffers = decoded;
  player.load(buffers, gains());
  by("status").textContent = "";
  zoom(0, player.duration);
}

function showTracks() {
  trackButtons = song.names.map((name, index) => {
    const button = document.createElement("button");
    const key = document.createElement("kbd");
    button.type = "button";
    button.className = "track";
    key.textContent = index + 1;
    button.append(key, ` ${name}`);
    button.addEventListener("click", () => player.select(index));
    return button;
  });
  by("tracks").replaceChildren(...trackButtons);
  showActive();
}

function showActive() {
  trackButtons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === player.active)));
  stages.forEach((stage) => stage.classList.toggle("active", Number(stage.dataset.track) === player.active));
}

function zoom(start, end) {
  const length = Math.min(Math.max(end - start, 0.1), player.duration);
  view.start = Math.min(Math.max(start, 0), player.duration - length);
  view.end = view.start + length;
  draw();
}

function zoomBy(factor) {
  const middle = player.position >= view.start && player.position <= view.end ? player.position : (view.start + view.end) / 2;
  const length = (view.end - view.start) * factor;
  zoom(middle - length / 2, middle + length / 2);
}

async function draw() {
  if (!buffers.length || !stages[0].isConnected) return; // they are still on their way, or their pictures are gone
  const turn = ++drawing;
  view.log = document.querySelector("input[name=scale]:checked").value === "log";
  view.highest = Math.min(Number(by("highest").value) || Infinity, buffers[0].sampleRate / 2);
  drawBandwidth();
  document.querySelectorAll(".tick").forEach((tick) => tick.remove());
  stages.forEach(addTicks);
  showPosition();
  const columns = Math.min(MOST_COLUMNS, Math.max(200, stages[0].clientWidth));
  const done = [];
  for (const [index, buffer] of buffers.entries()) {
    await nextFrame();
    if (turn !== drawing || !stages[index].isConnected) return; // another picture is wanted, or none any more
    done.push(levels(buffer, view, columns, SPECTROGRAM_ROWS));
    paint(stages[index].firstElementChild, done[index], columns, SPECTROGRAM_ROWS, LEVEL_COLOURS, LOWEST_DB, HIGHEST_DB);
  }
  spectra = done;
  drawDifference();
  document.body.dataset.drawn = String(turn);
}

function drawDifference() {
  if (!spectra.length) return;
  const values = difference(spectra[by("minuend").value], spectra[by("subtrahend").value]);
  const columns = values.length / SPECTROGRAM_ROWS;
  paint(by("difference").firstElementChild, values, columns, SPECTROGRAM_ROWS, DIFFERENCE_COLOURS, -DIFFERENCE_DB, DIFFERENCE_DB);
}

function drawBandwidth() {
  const canvas = by("bandwidth").firstElementChild;
  const { step, bandwidth } = song.excerpts[excerpt];
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const context = canvas.getContext("2d");
  context.lineWidth = 2 * devicePixelRatio;
  const highest = buffers[0].sampleRate / 2;
  bandwidth.forEach((values, index) => {
    context.strokeStyle = LINE_COLOURS[index];
    context.beginPath();
    values.forEach((hz, place) => {
      context.lineTo(
        ((place * step - view.start) / (view.end - view.start)) * canvas.width, (1 - hz / highest) * (canvas.height - 4) + 2);
    });
    context.stroke();
  });
}

function addTick(stage, text, place) {
  const tick = document.createElement("span");
  tick.className = "tick";
  tick.setAttribute("aria-hidden", "true");
  tick.textContent = text;
  Object.assign(tick.style, place);
  stage.append(tick);
  return tick;
}

function addTicks(stage) {
  const scale = stage.id === "bandwidth" ? { log: false, highest: buffers[0].sampleRate / 2 } : view;
  const wanted = scale.log ? [100, 1000, 4000, 10000] : [4000, 8000, 12000, 16000, 20000];
  const narrow = scale.highest <= 8000 && !scale.log ? [1000, 2000, 3000, 4000, 6000] : wanted;
  for (const hz of narrow.filter((each) => heightOf(scale, each) < 0.95)) {
    addTick(stage, hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, { bottom: `calc(${100 * heightOf(scale, hz)}% - 0.35rem)` });
  }
  const first = song.excerpts[excerpt].start + view.start;
  const length = view.end - view.start;
  const step = STEPS_SECONDS.find((each) => length / each <= MOST_TICKS) || length / 2;
  for (let time = Math.ceil((first + 0.05 * length) / step) * step; time < first + 0.95 * length; time += step) {
    addTick(stage, clock(time), { left: `${(100 * (time - first)) / length}%` }).classList.add("time");
  }
}

function showPosition() {
  const place = (position) => (100 * (position - view.start)) / (view.end - view.start);
  const loop = pending || player.loop;
  for (const stage of stages) {
    stage.querySelector(".cursor").style.left = `${place(player.position)}%`;
    const selection = stage.querySelector(".selection");
    selection.hidden = !loop;
    if (loop) Object.assign(selection.style, { left: `${place(loop.start)}%`, right: `${100 - place(loop.end)}%` });
  }
}

/* Dragging in a picture selects a loop; a click without dragging goes there. */
let pending = null;

function connectStage(stage) {
  if (stage.querySelector(".cursor")) return; // this song was shown before
  for (const name of ["selection", "cursor"]) {
    const mark = document.createElement("div");
    mark.className = name;
    stage.append(mark);
  }
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    const place = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    return view.start + place * (view.end - view.start);
  };
  let from = null;
  let fromX = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = at(event);
    fromX = event.clientX;
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.clientX - fromX) < 5) return;
    const to = at(event);
    pending = { start: Math.min(from, to), end: Math.max(from, to) };
    showPosition();
  });
  stage.addEventListener("pointerup", (event) => {
    if (from === null) return;
    if (pending) player.setLoop(pending);
    else player.seek(at(event));
    from = pending = null;
    showPosition();
  });
  stage.addEventListener("pointercancel", () => { from = pending = null; });
}

function drawScales() {
  for (const [name, colours] of [["level-scale", LEVEL_COLOURS], ["difference-scale", DIFFERENCE_COLOURS]]) {
    paint(by(name), colours.map((_, index) => index), 256, 1, colours, 0, 255);
  }
}

const ACTS = {
  "zoom-in": () => zoomBy(0.5),
  "zoom-out": () => zoomBy(2),
  "zoom-loop": () => { if (player.loop) zoom(player.loop.start, player.loop.end); },
  "zoom-all": () => zoom(0, player.duration),
};

connectDeck(player, { start: () => (song ? song.excerpts[excerpt].start : 0) });
player.addEventListener("change", showActive);
player.addEventListener("position", showPosition);
by("matched").addEventListener("change", () => player.setGains(gains()));
// The controls of a song come and go with it; what happens in them arrives here.
by("song").addEventListener("click", ({ target }) => ACTS[target.closest("button")?.id]?.());
by("song").addEventListener("change", ({ target }) => {
  if (target.name === "excerpt") choose(Number(target.value));
  else if (["minuend", "subtrahend"].includes(target.id)) drawDifference();
  else draw();
});
