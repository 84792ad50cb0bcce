// Jobs: one list by time, searched and filtered by the service.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { OfTag, Tags } from "../annotations.js";
import { Ago, Loading, Problem, Progress, State, plain, short, took } from "../parts.js";
import { read, useAnswer } from "../service.js";

const STATES = [["", "every state"], ["running", "running"], ["queued", "queued"], ["paused", "paused"], ["succeeded", "succeeded"], ["failed", "failed"], ["cancelled", "cancelled"]];
const KINDS = [["", "every kind"], ["search", "searches"], ["retraining", "retrainings"], ["comparison", "comparisons"], ["loss-network", "loss networks"], ["registration", "registrations"]];

const Select = ({ label, options, value, choose }) => html`<label>${label} <select value=${value} onChange=${(event) => choose(event.target.value)}>
  ${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></label>`;

const Row = (job) => html`<tr key=${job.id}>
  <td><${State} state=${job.state} /></td>
  <td><a href="#${job.path}/${job.id}">${job.about}</a><br /><span class="quiet">${plain(job.kind)} <code title=${job.id}>${short(job.id)}</code></span> <${Tags} tags=${job.tags} /></td>
  <td>${job.progress ? html`<div><${Progress} progress=${job.progress} /></div>` : null}<span>${job.headline}</span>${job.note && html`<p class="note quiet">${job.note}</p>`}</td>
  <td><${Ago} time=${job.created_at} /></td>
  <td class="numeric">${took(job)}</td>
</tr>`;

export function Jobs({ query: asks }) {
  const tag = asks.get("tag") ?? "";
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [state, setState] = useState("");
  const [kind, setKind] = useState("");
  const [more, setMore] = useState({ of: null, items: [], next: null });
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), 250);
    return () => clearTimeout(timer);
  }, [text]);
  const query = new URLSearchParams({ ...(asked && { text: asked }), ...(state && { state }), ...(kind && { kind }), ...(tag && { tag }), limit: 50 });
  const path = `jobs?${query}`;
  const { value, problem } = useAnswer(path, { every: 5000 });
  const older = more.of === path ? more : { items: [], next: value?.next };
  const seen = new Set(value?.items.map((job) => job.id));
  const jobs = [...(value?.items ?? []), ...older.items.filter((job) => !seen.has(job.id))];
  const load = async () => {
    const page = await read(`${path}&after=${encodeURIComponent(older.next)}`);
    setMore({ of: path, items: [...older.items, ...page.items], next: page.next });
  };
  return html`<h1>Jobs</h1>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <label>Search <input type="search" value=${text} placeholder="metric, dataset, loss, name, note, id" onInput=${(event) => setText(event.target.value)} /></label>
      <${Select} label="Kind" options=${KINDS} value=${kind} choose=${setKind} />
      <${Select} label="State" options=${STATES} value=${state} choose=${setState} />
      <${OfTag} tag=${tag} />
    </form>
    <${Problem} problem=${problem} />
    ${!value && !problem && html`<${Loading} />`}
    ${value && !jobs.length && html`<p class="quiet">${asked || state || kind || tag ? "No job is like that." : html`There is no job yet. <a href="#new/searches">Begin with a search</a>.`}</p>`}
    ${jobs.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Jobs"><table class="jobs">
      <thead><tr><th scope="col">State</th><th scope="col">What</th><th scope="col">How it stands</th><th scope="col">Asked for</th><th scope="col" class="numeric">Took</th></tr></thead>
      <tbody>${jobs.map(Row)}</tbody></table></div>`}
    ${older.next && html`<p><button type="button" onClick=${load}>Older jobs</button></p>`}`;
}
