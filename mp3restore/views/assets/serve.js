"use strict";

const POLL_MILLISECONDS = 300;
const { limit } = JSON.parse(document.getElementById("data").textContent);
const by = (name) => document.getElementById(name);
let job = null;

function fail(text) {
  by("error").textContent = text;
  by("error").hidden = !text;
}

/** Ask the server. Returns its answer, or null after an error, which is shown. */
async function ask(path, options = {}) {
  let text = "The program does not answer. Was it stopped?";
  try {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (response.ok) return answer;
    text = answer.detail;
  } catch {
    // The connection failed; the default text says so.
  }
  fail(text);
  return null;
}

async function upload(file) {
  fail("");
  if (file.size > limit) {
    fail(`The file is larger than ${limit / 1e6} MB.`);
    return;
  }
  by("work").hidden = false;
  by("result").hidden = true;
  by("name").textContent = file.name;
  by("state").textContent = "reading";
  follow(await ask(`/jobs?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }));
}

function follow(answer) {
  if (!answer) {
    by("work").hidden = true;
    return;
  }
  job = answer;
  watch();
}

async function watch() {
  const { id } = job;
  while (job.id === id) {
    show();
    if (!["waiting", "running"].includes(job.state)) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MILLISECONDS); });
    const answer = await ask(`/jobs/${id}`);
    if (!answer || job.id !== id) return;
    job = answer;
  }
}

function show() {
  const busy = ["waiting", "running"].includes(job.state);
  by("name").textContent = job.name;
  by("progress").value = job.state === "done" ? 1 : job.progress;
  by("state").textContent = job.state === "running" ? `${Math.round(100 * job.progress)} %` : job.state;
  by("cancel").disabled = !busy;
  by("draw").disabled = busy;
  if (job.state === "failed") fail(job.error);
  by("result").hidden = job.variants === 0;
  if (busy || !job.variants) return;
  const links = Array.from({ length: job.variants }, (_, index) => {
    const link = document.createElement("a");
    link.href = `/jobs/${job.id}/variants/${index + 1}`;
    link.textContent = `Download variant ${index + 1} (FLAC)`;
    return link;
  });
  by("downloads").replaceChildren(...links);
  const address = `/jobs/${job.id}/report?variants=${job.variants}`;
  if (by("report").getAttribute("src") !== address) by("report").src = address;
}

by("file").addEventListener("change", (event) => { if (event.target.files.length) upload(event.target.files[0]); });
by("cancel").addEventListener("click", () => ask(`/jobs/${job.id}/cancel`, { method: "POST" }));
by("draw").addEventListener("click", async () => {
  fail("");
  const answer = await ask(`/jobs/${job.id}/variants`, { method: "POST" });
  if (answer) follow(answer);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  by("drop").addEventListener(name, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
  });
}
