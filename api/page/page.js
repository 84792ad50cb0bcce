"use strict";
// Lists the jobs and follows one. Reads the same REST interface as any other client.

const at = (id) => document.getElementById(id);
const kinds = ["searches", "retrainings", "loss-networks"];
let following = null; // AbortController of the job that is followed

function element(name, attributes = {}, text = "", space = null) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
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
  const pages = await Promise.all(kinds.map(async (kind) => {
    const page = await (await ask(`${kind}?limit=20`)).json();
    return page.items.map((job) => ({ ...job, path: `${kind}/${job.id}` }));
  }));
  const jobs = pages.flat().sort((a, b) => b.created_at.localeCompare(a.created_at));
  at("problem").hidden = at("token").hidden = true;
  at("none").hidden = jobs.length > 0;
  at("jobs").replaceChildren(...jobs.map(row));
}

function row(job) {
  const line = element("tr");
  const open = element("button", { type: "button" }, what(job));
  open.addEventListener("click", () => follow(job).catch(tell));
  const cell = element("td");
  cell.append(open);
  const created = new Date(job.created_at).toLocaleString();
  line.append(element("td", {}, job.kind), cell, element("td", {}, job.state), element("td", {}, created));
  return line;
}

const plain = (kind) => kind.replaceAll("_", " ");

const what = ({ request }) => `${request.metric ?? request.loss ?? plain(request.network.kind)} on ${request.dataset}`;

const stage = ({ stage }) => (stage ? `${plain(stage)} first, ` : "");

async function follow(job) {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  at("job").hidden = false;
  at("title").textContent = `${job.kind}: ${what(job)}`;
  at("curve").replaceChildren();
  await show(job.path);
  const scores = [];
  const response = await ask(`${job.path}/events`, { signal });
  for await (const event of events(response.body)) {
    if (event.kind === "trial" && event.body.score !== null) scores.push([event.body.number, event.body.score]);
    if (event.kind === "trial") draw(scores);
    if (event.kind === "progress") at("state").textContent = `${stage(event.body)}step ${event.body.done} of ${event.body.total}`;
    if (event.kind === "state") at("state").textContent = event.body.state;
  }
  await show(job.path);
  await list();
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
      if (field("data")) yield { kind: field("event"), body: JSON.parse(field("data")) };
    }
  }
}

async function show(path) {
  const job = await (await ask(path)).json();
  const { done, total, best_score: best } = job.progress;
  const score = best ? `, best score ${best.toFixed(4)}` : "";
  at("state").textContent = `${job.state}, ${done} of ${total}${score}${job.error ? `: ${job.error}` : ""}`;
  const files = (await (await ask(`${path}/artifacts`)).json()).items;
  at("files").replaceChildren(...files.map((file) => {
    const item = element("li");
    const open = element("button", { type: "button" }, `${file.name} (${file.bytes} bytes)`);
    open.addEventListener("click", () => save(`${path}/artifacts/${encodeURIComponent(file.name)}`, file.name).catch(tell));
    item.append(open);
    return item;
  }));
}

async function save(path, name) {
  const url = URL.createObjectURL(await (await ask(path)).blob()); // a plain link would lack the token
  element("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

function draw(scores) {
  if (!scores.length) return;
  const values = scores.map(([, score]) => score);
  const [low, high, last] = [Math.min(...values), Math.max(...values), Math.max(...scores.map(([n]) => n), 1)];
  const x = (number) => 50 + (number / last) * 580;
  const y = (score) => 230 - ((score - low) / (high - low || 1)) * 210;
  const svg = (name, attributes, text) => element(name, attributes, text, "http://www.w3.org/2000/svg");
  let best = -Infinity;
  const path = [...scores].sort((a, b) => a[0] - b[0]).map(([number, score]) => {
    best = Math.max(best, score);
    return `${x(number)},${y(best)}`;
  });
  at("curve").replaceChildren(
    svg("line", { class: "axis", x1: 50, x2: 630, y1: 230, y2: 230 }),
    svg("line", { class: "axis", x1: 50, x2: 50, y1: 20, y2: 230 }),
    svg("text", { x: 4, y: 24 }, high.toFixed(3)),
    svg("text", { x: 4, y: 234 }, low.toFixed(3)),
    svg("text", { x: 300, y: 252 }, `trial (0 to ${last})`),
    ...scores.map(([number, score]) => svg("circle", { class: "trial", cx: x(number), cy: y(score), r: 3 })),
    svg("polyline", { class: "best", points: path.join(" ") }),
  );
}

at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", event.target.querySelector("input").value);
  list().catch(tell);
});
list().catch(tell);
setInterval(() => list().catch(tell), 5000);
