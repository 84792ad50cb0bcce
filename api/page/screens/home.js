// Home: what runs, what waits, what finished last with its answer; three ways to begin.

import { html } from "../vendor/preact-htm.js";
import { Tags } from "../annotations.js";
import { Ago, Loading, Problem, Progress, State, plain, took } from "../parts.js";
import { useAnswer } from "../service.js";

const WAYS = [
  ["Look around with generated images", "A search of some minutes on two cores, without data of your own.", "new/searches?metric=bf1&dataset=shapes&preset=quick", "Search on shapes"],
  ["Find the loss for your metric", "Register your images (New, Dataset), choose a metric; the answer is a loss, and how sure it is.", "new/searches", "New search"],
  ["Compare losses that you know", "The same training with each, several seeds, a table with tests: which is better, and which are not told apart.", "new/comparisons", "New comparison"],
];

const Way = ([title, text, path, label]) => html`<article class="card" key=${title}><h2>${title}</h2><p>${text}</p><a class="button primary" href="#${path}">${label}</a></article>`;

export const JobCard = ({ job }) => html`<article class="card job">
  <p class="line"><${State} state=${job.state} /><span class="quiet">${plain(job.kind)}</span>
    <span class="quiet">${job.finished_at ? html`<${Ago} time=${job.finished_at} />, took ${took(job)}` : html`asked for <${Ago} time=${job.created_at} />`}</span></p>
  <h3><a href="#${job.path}/${job.id}">${job.about}</a></h3>
  <${Progress} progress=${job.progress} />
  ${job.headline && html`<p>${job.headline}</p>`}
  ${job.tags.length > 0 && html`<p><${Tags} tags=${job.tags} /></p>`}
</article>`;

const Group = ({ title, jobs, empty }) => html`<section><h2>${title}</h2>
  ${jobs.length ? html`<div class="cards">${jobs.map((job) => html`<${JobCard} key=${job.id} job=${job} />`)}</div>` : html`<p class="quiet">${empty}</p>`}
</section>`;

const DOING = ["busy", "idle"]; // told first, in this order

function Workers({ workers }) {
  const states = [...new Set([...DOING, ...workers.map((worker) => worker.state)])];
  const told = states.map((state) => [state, workers.filter((worker) => worker.state === state).length]).filter(([, count]) => count);
  const hosts = [...new Set(workers.map(({ host, device }) => [host, device].filter(Boolean).join(", ")).filter(Boolean))];
  return html`<section><h2>Workers</h2><p>${told.map(([state, count]) => `${count} ${state}`).join(", ")}${hosts.length ? html`<span class="quiet"> on ${hosts.join("; ")}</span>` : ""}</p></section>`;
}

const ASKED = "jobs?limit=12&";

export function Home() {
  const every = { every: 4000 };
  const running = useAnswer(`${ASKED}state=running&state=pausing&state=cancelling`, every);
  const waiting = useAnswer(`${ASKED}state=queued&state=paused`, every);
  const over = useAnswer(`${ASKED}state=succeeded&state=failed`, every);
  const ready = useAnswer("../readyz", every);
  const workers = useAnswer("workers", { every: 8000 }).value?.items ?? [];
  const problem = running.problem ?? waiting.problem ?? over.problem;
  if (problem) return html`<h1>Home</h1><${Problem} problem=${problem} />`;
  if (!running.value || !waiting.value || !over.value) return html`<h1>Home</h1><${Loading} />`;
  const [runs, waits, done] = [running, waiting, over].map(({ value }) => value.items);
  const empty = !runs.length && !waits.length && !done.length;
  return html`<h1>${empty ? "Three ways to begin" : "Home"}</h1>
    ${ready.value?.warnings.map((warning) => html`<p class="problem" role="status" key=${warning}>${warning}</p>`)}
    ${empty ? html`<div class="cards">${WAYS.map(Way)}</div>` : html`
      <${Group} title="Running" jobs=${runs} empty="Nothing runs." />
      ${waits.length > 0 && html`<${Group} title="Waiting" jobs=${waits} />`}
      <${Group} title="Finished last" jobs=${done} empty="Nothing has finished yet." />
      ${workers.length > 0 && html`<${Workers} workers=${workers} />`}
      <details><summary>Ways to begin</summary><div class="cards">${WAYS.map(Way)}</div></details>`}`;
}
