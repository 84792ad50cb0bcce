// Lists the jobs and follows one. Reads the same REST interface as any other client.

import { draw } from "./chart.js";

const at = (id) => document.getElementById(id);
const over = ["succeeded", "failed", "cancelled"];
const paths = /^[a-z-]+\/[0-9a-f-]{36}$/; // what may stand behind the #
let following = null; // AbortController of the job that is followed

function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(`v1/${path}`, { ...options, headers });
  if (response.ok) return response;
  if (response.status === 401) at("token").hidden = false;
  const problem = await response.json();
  throw new Error(`${problem.title}. ${problem.detail}`);
}

function tell(error) {
  if (error.name === "AbortError") return;
  at("problem").textContent = error.message;
  at("problem").hidden = false;
}

async function list() {
  const kinds = (await (await ask("kinds")).json()).items;
  const pages = await Promise.all(kinds.map(async (kind) => {
    const page = await (await ask(`${kind.path}?limit=20`)).json();
    return page.items.map((job) => ({ ...job, path: `${kind.path}/${job.id}` }));
  }));
  const jobs = pages.flat().sort((a, b) => b.created_at.localeCompare(a.created_at));
  at("problem").hidden = at("token").hidden = true;
  at("none").hidden = jobs.length > 0;
  at("jobs").replaceChildren(...jobs.map(row));
}

const standing = ({ state, waiting }) => (waiting ? `${state}, ${waiting.position}.` : state);

function row(job) {
  const line = element("tr");
  const cell = element("td");
  cell.append(element("a", { href: `#${job.path}` }, what(job)));
  const created = new Date(job.created_at).toLocaleString();
  line.append(element("td", {}, job.kind), cell, element("td", {}, standing(job)), element("td", {}, created));
  return line;
}

const plain = (kind) => kind.replaceAll("_", " ");

const about = (request) => (request.losses ? `${request.losses.length} losses`
  : request.metrics?.join(",") ?? request.metric ?? request.loss ?? plain(request.network.kind));
const what = ({ request }) => (request.source ? request.name : `${about(request)} on ${request.dataset}`);

const stage = ({ stage }) => (stage ? `${plain(stage)} first, ` : "");

async function open() {
  const path = location.hash.slice(1);
  if (!paths.test(path)) return;
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  const trials = new Map();
  at("chart").hidden = true;
  at("files").replaceChildren();
  at("figures").replaceChildren();
  let job = await show(path, signal);
  at("title").textContent = `${job.kind}: ${what(job)}`;
  at("job").hidden = false;
  for (let last = 0; ;) {
    last = await follow(path, job, last, trials, signal).catch((error) => { tell(error); return last; });
    if (signal.aborted) break;
    job = await show(path, signal);
    if (over.includes(job.state)) break;
    await new Promise((resolve) => setTimeout(resolve, 2000)); // the service may have restarted
  }
  if (!signal.aborted) await list();
}

// Shows what happens until the stream ends; gives the number of the last event.
async function follow(path, job, last, trials, signal) {
  const response = await ask(`${path}/events`, { signal, headers: { "Last-Event-ID": last } });
  if (response.status === 204) return last;
  let [seen, state] = [last, job.state];
  for await (const { id, kind, body } of events(response.body)) {
    seen = id;
    if (kind === "trial") {
      trials.set(body.number, body);
      const told = `${state}, ${trials.size} of ${job.progress.total}`;
      const higher = job.progress.higher_is_better;
      later(() => signal.aborted || chart(trials, higher, over.includes(job.state) ? null : told));
    }
    if (kind === "progress") at("state").textContent = `${stage(body)}step ${body.done} of ${body.total}`;
    if (kind === "state") {
      state = body.state;
      at("state").textContent = body.reason ? `${state}: ${body.reason}` : state;
    }
  }
  return seen;
}

function chart(trials, higher, told) {
  at("chart").hidden = false;
  if (told) at("state").textContent = told;
  draw(at("curve"), trials.values(), higher);
}

let waiting = null; // what is drawn when the events that are there have been read
function later(act) {
  if (waiting === null) setTimeout(() => { const newest = waiting; waiting = null; newest(); }, 50);
  waiting = act;
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("data")) yield { id: Number(field("id")), kind: field("event"), body: JSON.parse(field("data")) };
    }
  }
}

// The job's state, files and figures; gives the job.
async function show(path, signal) {
  const job = await (await ask(path, { signal })).json();
  const { done, total, best_score: best } = job.progress;
  const score = typeof best === "number" ? `, best score ${best.toFixed(4)}` : "";
  const why = job.error ?? job.waiting?.reason;
  at("state").textContent = `${standing(job)}, ${done} of ${total}${score}${why ? `: ${why}` : ""}`;
  at("log").replaceChildren(...(await log(job.id, signal)).map(line));
  const files = (await (await ask(`${path}/artifacts`, { signal })).json()).items;
  at("files").replaceChildren(...files.map((file) => entry(path, file)));
  const pictures = files.filter((file) => file.media_type === "image/png");
  if (over.includes(job.state)) at("figures").replaceChildren(...await Promise.all(pictures.map((file) => picture(path, file, signal))));
  return job;
}

async function log(id, signal) {
  const entries = [];
  for (let after = 0; after !== null;) {
    const page = await (await ask(`jobs/${id}/log?limit=500&after=${after}`, { signal })).json();
    entries.push(...page.items);
    after = page.next;
  }
  return entries;
}

const line = ({ at: time, level, message }) => element("li", { class: level }, `${new Date(time).toLocaleString()} ${message}`);

const address = (path, file) => `${path}/artifacts/${encodeURIComponent(file.name)}`;

function entry(path, file) {
  const item = element("li");
  const button = element("button", { type: "button" }, `${file.name} (${file.bytes} bytes)`);
  button.addEventListener("click", () => save(path, file).catch(tell));
  item.append(button);
  return item;
}

// Files are fetched by script, also figures: a plain link would lack the token.
const local = async (path, file, signal) => URL.createObjectURL(await (await ask(address(path, file), { signal })).blob());

async function picture(path, file, signal) {
  const made = element("figure");
  const image = element("img", { alt: file.name, src: await local(path, file, signal) });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  made.append(image, element("figcaption", {}, file.name));
  return made;
}

async function save(path, file) {
  const url = await local(path, file);
  element("a", { href: url, download: file.name }).click();
  URL.revokeObjectURL(url);
}

at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", event.target.querySelector("input").value);
  list().then(open).catch(tell);
});
addEventListener("hashchange", () => open().catch(tell));
list().then(open).catch(tell);
setInterval(() => list().catch(tell), 5000);
