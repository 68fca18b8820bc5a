"use strict";

/* The queue is the server's: this page asks for it, and holds only the files that it has not sent yet. */

const POLL_MILLISECONDS = 400;
const RETRY_MILLISECONDS = 2000;
const ACTIVE = ["waiting", "running"];
const ANYWAY_STRENGTH = 0.5;
const OPTIONS = ["strength", "seed", "container", "depth"];
const { limit, suffixes, variants } = pageData();
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/* Files that are still to be sent, or that the server did not take; a state and an error tell which. */
const unsent = [];
/* The server's last answer. */
let jobs = [];
let sending = false;
let watching = false;
/* Set whenever this page has changed the queue: an answer that was already on its way is then old. */
let changed = false;
/* The job whose comparison is shown, with its number of variants. */
let shown = null;

function fail(text) {
  by("error").textContent = text;
  by("error").hidden = !text;
}

/** Ask the server. The status is 0 if there was no answer, because the request was aborted or the program ended. */
async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
    return { status: response.status, content: await response.json() };
  } catch {
    const detail = response ? "The program does not let this page in. Open the whole address that it printed."
      : "The program does not answer. Was it stopped?";
    return { status: response?.status || 0, content: { detail } };
  }
}

/* Options */

function options() {
  return new URLSearchParams(OPTIONS.map((name) => [name, by(name).value])).toString();
}

function showOptions() {
  const text = (name) => by(name).selectedOptions[0].textContent;
  // FLAC cannot hold floats.
  for (const option of by("depth").options) option.disabled = option.value === "32f" && by("container").value !== "wav";
  if (by("depth").selectedOptions[0].disabled) by("depth").value = "24";
  const lossless = ["flac", "wav"].includes(by("container").value);
  by("depth").disabled = !lossless;
  const bits = by("depth").value.endsWith("f") ? ", 32-bit float" : `, ${by("depth").value} bits`;
  by("chosen").textContent = `: strength ${text("strength")}, ${text("container")}${lossless ? bits : ""}`;
}

function recallOptions() {
  try {
    for (const [name, value] of Object.entries(JSON.parse(sessionStorage.getItem("options")) || {})) {
      if (!(by(name).options && ![...by(name).options].some((each) => each.value === value))) by(name).value = value;
    }
  } catch {
    // Storage may be forbidden; then the options are the usual ones.
  }
  showOptions();
}

function keepOptions() {
  showOptions();
  try {
    sessionStorage.setItem("options", JSON.stringify(Object.fromEntries(OPTIONS.map((name) => [name, by(name).value]))));
  } catch {
    // Then they last as long as the page.
  }
}

/* Files on their way to the server */

function addFiles(files) {
  fail("");
  for (const file of files) {
    const large = file.size > limit;
    unsent.push({
      key: Symbol(file.name), name: file.name, file, options: options(), controller: new AbortController(),
      state: large ? "refused" : "queued", error: large ? `The file is larger than ${limit / 1e6} MB.` : "",
    });
  }
  show();
  send();
}

/** Send the files one at a time. */
async function send() {
  if (sending) return;
  sending = true;
  let entry;
  while ((entry = unsent.find(({ state }) => state === "queued"))) await upload(entry);
  sending = false;
  show();
}

async function upload(entry) {
  const path = `/jobs?name=${encodeURIComponent(entry.name)}&${entry.options}`;
  const { signal } = entry.controller;
  let answer;
  for (;;) {
    entry.state = "sending";
    show();
    answer = await ask(path, { method: "POST", body: entry.file, signal });
    if (answer.status !== 503) break;
    entry.state = "waiting for others";
    show();
    await pause(POLL_MILLISECONDS);
    if (signal.aborted) break;
  }
  if (signal.aborted) {
    entry.state = "cancelled";
  } else if (answer.status !== 201) {
    entry.state = "refused";
    entry.error = answer.content.detail;
  } else {
    unsent.splice(unsent.indexOf(entry), 1);
    jobs.push(answer.content);
    changed = true;
    watch();
  }
  show();
}

/** The files that were dropped, also those in folders; of a folder, only what looks like audio. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries.filter(Boolean)) await walk(entry, found, false);
  return found;
}

async function walk(entry, found, inFolder) {
  if (entry.isFile) {
    if (!inFolder || isAudio(entry.name)) found.push(await new Promise((resolve, reject) => { entry.file(resolve, reject); }));
    return;
  }
  const reader = entry.createReader();
  // It hands out a hundred at a time.
  for (;;) {
    const batch = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!batch.length) return;
    batch.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    for (const each of batch) await walk(each, found, true);
  }
}

const isAudio = (name) => suffixes.some((suffix) => name.toLowerCase().endsWith(suffix)) && !name.startsWith(".");

function addFolder(files) {
  const music = files.filter((file) => isAudio(file.name));
  addFiles(music);
  if (!music.length) fail("There is no audio in this folder.");
}

/* The queue */

/** Ask for the queue as long as something happens in it. */
async function watch() {
  if (watching) return;
  watching = true;
  do {
    changed = false;
    const { status, content } = await ask("/jobs");
    if (changed) continue;
    if (status === 200) {
      jobs = content.filter((job) => job.state !== "uploading" && !isBeingSent(job)); // a window shows what it sends
      if (by("error").dataset.lost) fail("");
      delete by("error").dataset.lost;
      show();
    } else {
      fail(content.detail);
      by("error").dataset.lost = "yes";
    }
    await pause(status === 200 ? POLL_MILLISECONDS : RETRY_MILLISECONDS);
  } while (changed || jobs.some(({ state }) => ACTIVE.includes(state)));
  watching = false;
}

/** Whether a job that is new to this window is the file that it sends: the server may have it all, and not answered yet. */
function isBeingSent({ id, name }) {
  return !jobs.some((known) => known.id === id) && unsent.some((entry) => entry.state === "sending" && entry.name === name);
}

async function act(job, path, method = "POST") {
  fail("");
  const { status, content } = await ask(`/jobs/${job.id}${path}`, { method });
  changed = true;
  if (status >= 400 || status === 0) fail(content.detail);
  if (method === "DELETE" && (status === 200 || status === 404)) {
    jobs = jobs.filter(({ id }) => id !== job.id);
    if (shown?.id === job.id) hideComparison();
  } else if (status === 202) {
    jobs = jobs.map((each) => (each.id === job.id ? content : each));
  }
  show();
  watch();
}

/* Rows: each is made once and then changed, so that the focus and the place on the page stay. */
const rows = new Map();

function make(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function makeRow() {
  const row = make("li", "job");
  row.line = make("div", "line");
  row.name = make("span", "name");
  row.state = make("span", "state");
  row.progress = Object.assign(make("progress", ""), { max: 1 });
  row.error = make("p", "error");
  row.remarks = make("ul", "");
  row.acts = make("div", "acts");
  row.line.append(row.name, row.state, row.acts);
  row.append(row.line, row.progress, row.error, row.remarks);
  return row;
}

/** What can be done with a file, as { text, act } for buttons and { text, href } for links. */
function actsOf(job) {
  if (!job.id) {
    if (["refused", "cancelled"].includes(job.state)) {
      return [
        ...(job.file.size > limit ? [] : [{ text: "Retry", act: () => retry(job) }]),
        { text: "Remove", act: () => { unsent.splice(unsent.indexOf(job), 1); show(); } },
      ];
    }
    return [{ text: "Cancel", act: () => { job.controller.abort(); job.state = "cancelled"; show(); } }];
  }
  const busy = ACTIVE.includes(job.state);
  const links = job.downloads.map((name, index) => ({
    text: `Download${job.downloads.length > 1 ? ` ${index + 1}` : ""}`, href: `/jobs/${job.id}/variants/${index + 1}`,
    label: `Download ${name}`,
  }));
  const listen = { text: "Listen", act: () => openComparison(job, true), pressed: shown?.id === job.id };
  const again = { text: "Retry", act: () => act(job, "/variants") };
  const draw = { text: "Another version", act: () => act(job, "/variants") };
  const anyway = { text: "Restore anyway", act: () => act(job, `/variants?strength=${ANYWAY_STRENGTH}`) };
  const failed = ["failed", "cancelled"].includes(job.state);
  return [
    ...(links.length ? [listen, ...links] : []),
    ...(failed ? [again] : []),
    ...(job.state === "done" && job.left ? [anyway] : []),
    ...(job.state === "done" && !job.left && links.length < variants ? [draw] : []),
    busy ? { text: "Cancel", act: () => act(job, "/cancel") } : { text: "Remove", act: () => act(job, "", "DELETE") },
  ];
}

function retry(entry) {
  Object.assign(entry, { state: "queued", error: "", controller: new AbortController(), options: options() });
  show();
  send();
}

function showActs(row, job) {
  const acts = actsOf(job);
  const signature = JSON.stringify(acts.map(({ text, href, pressed }) => [text, href, pressed]));
  row.does = acts;
  if (row.signature === signature) return;
  row.signature = signature;
  const focused = row.acts.contains(document.activeElement) ? document.activeElement.textContent : null;
  row.acts.replaceChildren(...acts.map(({ text, href, label, pressed }, index) => {
    const element = make(href ? "a" : "button", href ? "button" : "", text);
    if (href) Object.assign(element, { href, download: "" });
    else Object.assign(element, { type: "button", onclick: () => row.does[index].act() });
    if (pressed !== undefined) element.setAttribute("aria-pressed", String(pressed));
    element.setAttribute("aria-label", label || `${text}: ${job.name}`);
    return element;
  }));
  if (focused === null) return;
  const same = [...row.acts.children].find((each) => each.textContent === focused);
  (same || row.acts.lastElementChild)?.focus();
}

function stateOf({ state, progress, left }) {
  if (state === "done" && left) return "left as it is";
  if (state === "running" && !progress) return "restoring";
  return state === "running" ? `restoring, ${Math.round(100 * progress)} %` : state;
}

function showRow(row, job) {
  const kind = job.state === "refused" ? "failed" : (job.left && job.state === "done" ? "left" : job.state.replaceAll(" ", "-"));
  row.className = `job ${kind}${shown?.id === job.id && job.id ? " shown" : ""}`;
  row.name.textContent = job.name;
  row.state.textContent = stateOf(job);
  row.progress.hidden = !["running", "sending"].includes(job.state);
  row.progress.setAttribute("aria-label", `Progress of ${job.name}`);
  // Until the first part is done, nobody knows how long it takes.
  if (job.state === "running" && job.progress) row.progress.value = job.progress;
  else row.progress.removeAttribute("value");
  row.error.textContent = job.error;
  row.error.hidden = !job.error;
  const remarks = job.remarks || [];
  row.remarks.hidden = !remarks.length;
  if (row.remarks.childElementCount !== remarks.length) row.remarks.replaceChildren(...remarks.map((text) => make("li", "", text)));
  showActs(row, job);
}

function show() {
  const all = [...jobs, ...unsent];
  const keys = all.map((job) => job.id || job.key);
  for (const [key, row] of rows) {
    if (keys.includes(key)) continue;
    const next = row.nextElementSibling || row.previousElementSibling;
    if (row.contains(document.activeElement)) (next?.querySelector("button, a") || by("file")).focus();
    row.remove();
    rows.delete(key);
  }
  all.forEach((job, index) => {
    if (!rows.has(keys[index])) rows.set(keys[index], makeRow());
    const row = rows.get(keys[index]);
    if (by("jobs").children[index] !== row) by("jobs").insertBefore(row, by("jobs").children[index] || null);
    showRow(row, job);
  });
  showCount(all);
  showComparison();
}

function showCount(all) {
  const done = jobs.filter((job) => job.downloads.length && !job.left && !ACTIVE.includes(job.state));
  const kept = jobs.filter(({ state, left }) => state === "done" && left).length;
  const left = all.filter(({ state }) => [...ACTIVE, "queued", "sending", "waiting for others"].includes(state));
  const wrong = all.filter(({ state }) => ["failed", "refused"].includes(state));
  const text = [`${done.length} of ${all.length} restored`, kept && `${kept} left as ${kept > 1 ? "they are" : "it is"}`,
    wrong.length && `${wrong.length} not restored`].filter(Boolean).join(", ");
  // A screen reader says it whenever it changes.
  if (by("count").textContent !== text) by("count").textContent = text;
  by("queue").hidden = !all.length;
  by("all").hidden = !jobs.some((job) => job.downloads.length);
  by("clear").hidden = left.length === all.length || all.length < 2;
}

async function clear() {
  for (const entry of unsent.filter(({ state }) => ["refused", "cancelled"].includes(state))) unsent.splice(unsent.indexOf(entry), 1);
  for (const job of jobs.filter(({ state }) => !ACTIVE.includes(state))) await act(job, "", "DELETE");
  show();
}

/* The comparison */

const narrow = matchMedia("(max-width: 40rem)");

/** Open the comparison of the first file that is done, and that of more variants when they are. */
function showComparison() {
  const inTheWay = narrow.matches && jobs.length + unsent.length > 1; // of the list, on a phone
  const job = jobs.find(({ id, downloads }) => (shown ? id === shown.id : downloads.length && !inTheWay));
  if (shown && !job?.downloads.length) {
    hideComparison();
  } else if (job && !ACTIVE.includes(job.state) && shown?.count !== job.downloads.length) {
    openComparison(job, false);
  }
}

async function openComparison(job, asked) {
  const mine = { id: job.id, count: job.downloads.length };
  const same = shown?.id === mine.id && shown.count === mine.count;
  shown = mine;
  by("listen").hidden = false;
  by("name").textContent = job.name;
  by("playing").textContent = job.name;
  by("page").href = `/jobs/${job.id}/page`;
  if (asked) {
    show();
    by("listen").scrollIntoView();
    by("name").focus({ preventScroll: true });
  }
  if (same) return;
  delete document.body.dataset.drawn;
  by("song").replaceChildren();
  player.load([], []);
  by("tracks").replaceChildren();
  by("status").textContent = "Comparing...";
  const { status, content } = await ask(`/jobs/${job.id}/comparison`);
  if (shown !== mine) return;
  if (status !== 200) {
    by("status").textContent = content.detail;
    return;
  }
  // The server's own template, in which every name is escaped; and the page's policy runs no script in it.
  by("song").innerHTML = content.html;
  const load = async (audio, rate) => {
    const response = await fetch(`/jobs/${mine.id}/comparison/${audio}`);
    if (!response.ok) throw new Error("the program does not have it any more");
    return decodeAudio(await response.arrayBuffer(), rate);
  };
  compare({ ...content.data, load });
}

function hideComparison() {
  shown = null;
  player.load([], []);
  by("listen").hidden = true;
  by("song").replaceChildren();
}

by("file").addEventListener("change", ({ target }) => {
  addFiles([...target.files]);
  target.value = ""; // otherwise the same file could not be chosen again
});
by("folder").addEventListener("change", ({ target }) => {
  addFolder([...target.files]);
  target.value = "";
});
by("clear").addEventListener("click", clear);
by("options").addEventListener("change", keepOptions);
// Anywhere on the page: otherwise the browser would open a file that is dropped beside the box.
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", name === "dragover");
    if (name !== "drop") return;
    dropped(event.dataTransfer).then(addFiles, (error) => fail(`The folder cannot be read: ${error.message}`));
  });
}
// What was not sent would be lost with the page.
addEventListener("beforeunload", (event) => {
  if (!unsent.some(({ state }) => ["queued", "sending", "waiting for others"].includes(state))) return;
  event.preventDefault();
  event.returnValue = true; // for older browsers
});
// Another window of the same browser may have added files.
document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });
by("folders").hidden = !("webkitdirectory" in by("folder")) || matchMedia("(pointer: coarse)").matches;
if (matchMedia("(pointer: coarse)").matches) document.querySelector(".invitation").textContent = "Choose songs to restore";
recallOptions();
watch();
