// What every job's screen has: its head with the actions, what was asked for, its files.

import { html, useState } from "../vendor/preact-htm.js";
import { Annotate, Tags } from "../annotations.js";
import { Action, Ago, Copy, Facts, Files, Loading, Problem, Progress, State, short, took } from "../parts.js";
import { OVER, all, ask, send, useAnswer, useEvents } from "../service.js";

const PAUSABLE = ["queued", "running"];
const WAITS = ["queued", "paused"];
const ENDABLE = ["queued", "running", "pausing", "paused"];

// The job behind a screen, read again while it is not over; `take` gets its events.
export function useJob(path, take = () => {}) {
  const { value: job, problem, again } = useAnswer(path, { every: 4000 });
  const active = Boolean(job) && !OVER.includes(job.state);
  const [doing, setDoing] = useState(null);
  useEvents(path, active, (kind, body) => {
    if (kind === "progress") setDoing(body);
    if (kind === "state") { setDoing(null); again(); }
    take(kind, body);
  });
  return { job, problem, again, active, doing };
}

export const Asked = ({ path, problem, job, children }) => (job ? children : problem ? html`<${Problem} problem=${problem} />` : html`<${Loading} />`);

export function Head({ path, job, title, again, doing = null, children }) {
  const { state } = job;
  const act = (verb) => async () => { await send(`${path}/${verb}`); again(); };
  const waits = { queued: job.headline, paused: "It is paused, and goes on where it was." }[state];
  const remove = async () => { await ask(`jobs/${job.id}`, { method: "DELETE" }); location.hash = "jobs"; };
  return html`<div class="head">
    <p class="crumbs"><a href="#jobs">Jobs</a> / ${job.kind.replaceAll("-", " ")} ${short(job.id)}</p>
    <h1>${title}</h1>
    <p class="line" aria-live="polite">
      <${State} state=${state} />
      ${!OVER.includes(state) && html`<${Progress} progress=${{ ...job.progress, ...doing }} />`}
      ${waits && html`<span>${waits}</span>`}
      ${job.started_at && html`<span class="quiet">${OVER.includes(state) ? "took" : WAITS.includes(state) ? "ran for" : "runs for"} ${took(job)}</span>`}
      <span class="quiet">asked for <${Ago} time=${job.created_at} /> by ${job.owner}</span>
    </p>
    ${job.error && html`<p class="problem">${job.error}</p>`}
    ${(job.tags.length > 0 || job.note) && html`<p class="note"><${Tags} tags=${job.tags} /> ${job.note}</p>`}
    <div class="actions">
      ${PAUSABLE.includes(state) && html`<${Action} act=${act("pause")}>Pause<//>`}
      ${state === "paused" && html`<${Action} kind="primary" act=${act("resume")}>Resume<//>`}
      ${ENDABLE.includes(state) && html`<${Action} act=${act("cancel")} confirm="Stop this job for good? What it has recorded stays.">Cancel<//>`}
      ${children}
      ${["searches", "retrainings", "comparisons"].some((kind) => path.startsWith(kind)) && html`<a class="button" href="#new/${path.split("/")[0]}?from=${path}">Again, with changes</a>`}
      <${Annotate} key=${job.id} path="jobs/${job.id}/annotate" tags=${job.tags} note=${job.note} again=${again} />
      ${OVER.includes(state) && html`<${Action} act=${remove} confirm="Delete this job with its trials and files? Losses that it published stay.">Delete<//>`}
    </div>
  </div>`;
}

// Leaves of a request as rows: training.iterations, 1000.
function leaves(value, prefix = "") {
  if (value === null || value === undefined) return [];
  if (typeof value !== "object" || (Array.isArray(value) && value.every((one) => typeof one !== "object"))) return [[prefix, Array.isArray(value) ? value.join(", ") : String(value)]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, prefix ? `${prefix}.${name}` : name));
}

export function Tail({ path, job, files = null }) {
  const asked = useAnswer(files ? null : `${path}/artifacts`);
  const found = files ?? asked.value?.items;
  return html`<section class="card"><h2>Files</h2>
      ${found?.length ? html`<${Files} path=${path} files=${found} />` : html`<p class="quiet">${OVER.includes(job.state) ? "It left none." : "None yet."}</p>`}
    </section>
    <${Log} job=${job} />
    <details class="card"><summary><h2>What was asked for</h2></summary>
      <${Facts} facts=${Object.fromEntries(leaves(job.request).filter(([, told]) => told !== ""))} />
      <${Copy} label="as JSON" text=${JSON.stringify(job.request, null, 1)} />
    </details>`;
}

function Log({ job }) {
  const [open, setOpen] = useState(false);
  const { value, problem } = useAnswer(open ? `jobs/${job.id}/log` : null, { get: all, every: OVER.includes(job.state) ? 0 : 5000 });
  return html`<details class="card" onToggle=${(event) => setOpen(event.target.open)}><summary><h2>Log</h2></summary>
    <${Problem} problem=${problem} />
    ${value && html`<ol class="log" tabindex="0">${value.map((entry) => html`<li key=${entry.sequence} class=${entry.level}><time datetime=${entry.at}>${new Date(entry.at).toLocaleString()}</time> ${entry.message}</li>`)}</ol>`}
  </details>`;
}
