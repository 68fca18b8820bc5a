"use strict";

const POLL_MILLISECONDS = 300;
const BUSY_MILLISECONDS = 1000;
const MOST_WAITING = 3; // one less than the server accepts
const KEPT = "jobs";
const ACTIVE = ["uploading", "waiting", "running"];
const { limit } = JSON.parse(document.getElementById("data").textContent);
const by = (name) => document.getElementById(name);
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/* The files of this page, each with the server's last answer about it (job), or the file that is still to be sent. */
const entries = [];
let shown = null;
let sending = false;

function fail(text) {
  by("error").textContent = text;
  by("error").hidden = !text;
}

/** Ask the server. The status is 0 if there was no answer, because the request was aborted or the program ended. */
async function ask(path, options = {}) {
  try {
    const response = await fetch(path, options);
    return { status: response.status, content: await response.json() };
  } catch {
    return { status: 0, content: { detail: "The program does not answer. Was it stopped?" } };
  }
}

/** The options on the page, as query parameters. */
function options() {
  const chosen = ["strength", "seed", "container"].map((name) => [name, by(name).value]);
  return new URLSearchParams(chosen).toString();
}

function addFiles(files) {
  fail("");
  for (const file of files) {
    const large = file.size > limit;
    entries.push({
      name: file.name, file: large ? null : file, options: options(), controller: new AbortController(), job: null,
      state: large ? "refused" : "to be sent",
      error: large ? `${file.name} is larger than ${limit / 1e6} MB.` : "",
    });
  }
  const last = entries.at(-1);
  if (last) choose(last);
  send();
}

/** Send the files one at a time. */
async function send() {
  if (sending) return;
  sending = true;
  let entry;
  while ((entry = entries.find((each) => each.file))) {
    while (entries.filter(({ job }) => job?.state === "waiting").length >= MOST_WAITING && !entry.controller.signal.aborted) {
      await pause(POLL_MILLISECONDS);
    }
    await upload(entry);
    entry.file = null;
    show();
  }
  sending = false;
}

async function upload(entry) {
  const path = `/jobs?name=${encodeURIComponent(entry.name)}&${entry.options}`;
  const { signal } = entry.controller;
  entry.state = "sending";
  show();
  let answer;
  while (!signal.aborted) {
    answer = await ask(path, { method: "POST", body: entry.file, signal });
    if (answer.status !== 503) break;
    entry.state = "waiting for others";
    show();
    await pause(BUSY_MILLISECONDS);
  }
  if (signal.aborted) {
    entry.state = "cancelled";
  } else if (answer.status !== 201) {
    entry.state = "refused";
    entry.error = answer.content.detail;
  } else {
    entry.job = answer.content;
    keep();
    follow(entry);
  }
}

/** Remember the jobs, so that a reload finds them again. */
function keep() {
  sessionStorage.setItem(KEPT, JSON.stringify(entries.filter((each) => each.job).map((each) => each.job.id)));
}

async function recall() {
  for (const id of JSON.parse(sessionStorage.getItem(KEPT) || "[]")) {
    const { status, content } = await ask(`/jobs/${id}`);
    if (status === 200) {
      entries.push({ name: content.name, file: null, job: content, state: "", error: "" });
      follow(entries.at(-1));
    }
  }
  keep();
  if (!shown && entries.length) choose(entries.at(-1));
}

async function follow(entry) {
  if (entry.followed) return;
  entry.followed = true;
  show();
  while (ACTIVE.includes(entry.job.state)) {
    await pause(POLL_MILLISECONDS);
    const { status, content } = await ask(`/jobs/${entry.job.id}`);
    if (status !== 200) {
      entry.job = null;
      entry.state = "lost";
      entry.error = content.detail;
      break;
    }
    entry.job = content;
    show();
  }
  entry.followed = false;
  show();
}

function choose(entry) {
  shown = entry;
  show();
}

function stateOf({ job, state }) {
  if (!job) return state;
  return job.state === "running" ? `${Math.round(100 * job.progress)} %` : job.state;
}

function showList() {
  while (by("jobs").children.length < entries.length) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const index = by("jobs").children.length;
    button.addEventListener("click", () => choose(entries[index]));
    item.append(button);
    by("jobs").append(item);
  }
  entries.forEach((entry, index) => {
    const button = by("jobs").children[index].firstElementChild;
    button.textContent = `${entry.name}: ${stateOf(entry)}`;
    button.setAttribute("aria-pressed", String(entry === shown));
  });
  by("jobs").hidden = entries.length < 2;
}

function show() {
  showList();
  if (!shown) return;
  const { job, error } = shown;
  const busy = job ? ACTIVE.includes(job.state) : Boolean(shown.file);
  fail(error || (job?.state === "failed" ? job.error : ""));
  by("work").hidden = !job && !busy;
  by("name").textContent = shown.name;
  by("progress").value = job ? (job.state === "done" ? 1 : job.progress) : 0;
  by("state").textContent = stateOf(shown);
  by("cancel").disabled = !busy;
  const remarks = job?.remarks || [];
  by("remarks").hidden = !remarks.length;
  by("remarks").replaceChildren(...remarks.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  showResult(job, busy);
}

function showResult(job, busy) {
  by("draw").disabled = busy;
  by("result").hidden = !job?.downloads.length;
  if (by("result").hidden || busy) return;
  by("downloads").replaceChildren(...job.downloads.map((name, index) => {
    const link = document.createElement("a");
    link.href = `/jobs/${job.id}/variants/${index + 1}`;
    link.textContent = `Download variant ${index + 1} (${name.split(".").at(-1).toUpperCase()})`;
    return link;
  }));
  const address = `/jobs/${job.id}/report?variants=${job.downloads.length}`;
  if (by("report").getAttribute("src") !== address) {
    by("report").style.visibility = "hidden"; // until then it shows the report of another file
    by("report").src = address;
  }
}

async function cancel() {
  if (shown.job) {
    await ask(`/jobs/${shown.job.id}/cancel`, { method: "POST" });
  } else {
    shown.controller.abort();
  }
}

async function draw() {
  const entry = shown;
  entry.error = "";
  const { status, content } = await ask(`/jobs/${entry.job.id}/variants`, { method: "POST" });
  if (status === 202) entry.job = content;
  else entry.error = content.detail;
  follow(entry);
}

/* On a phone, the page scrolls instead of a frame within it. */
const narrow = matchMedia("(max-width: 40rem)");
const observer = new ResizeObserver(fit);

function fit() {
  const body = by("report").contentDocument?.body;
  by("report").style.height = narrow.matches && body ? `${Math.ceil(body.getBoundingClientRect().height) + 2}px` : "";
}

/* The keys of the player in the frame work on the whole page. */
function forwardKey(event) {
  const frame = by("report").contentWindow;
  if (by("result").hidden || !frame?.document.body || event.ctrlKey || event.altKey || event.metaKey) return;
  const { target, key } = event;
  if (!/^[1-9 ,.[\]]$/.test(key) || target.matches("input, select, textarea")) return;
  if (key === " " && target.matches("button, a, summary")) return;
  event.preventDefault();
  frame.document.body.dispatchEvent(new frame.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

by("file").addEventListener("change", (event) => {
  addFiles([...event.target.files]);
  event.target.value = ""; // otherwise the same file could not be chosen again
});
by("cancel").addEventListener("click", cancel);
by("draw").addEventListener("click", draw);
by("report").addEventListener("load", () => {
  observer.disconnect();
  by("report").style.visibility = "";
  if (by("report").contentDocument?.body) observer.observe(by("report").contentDocument.body);
  fit();
});
narrow.addEventListener("change", fit);
document.addEventListener("keydown", forwardKey);
// Anywhere on the page: otherwise the browser would open a file that is dropped beside the box.
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") addFiles([...event.dataTransfer.files]);
  });
}
recall();
