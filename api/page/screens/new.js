// New search, retraining or comparison: a form from the request's model, its cost, the same as curl and Python.

import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { Action, Choice, Copy, Loading, Problem, span } from "../parts.js";
import { fields, useModel } from "../schema.js";
import { all, ask, send, useAnswer } from "../service.js";
import { Field, put } from "./fields.js";

const KINDS = [["searches", "Search"], ["retrainings", "Retraining"], ["comparisons", "Comparison"], ["registrations", "Dataset"]];

const ABOUT = {
  searches: "Finds the training loss that fits a metric on a dataset; the answer says how sure it is.",
  retrainings: "Trains a network in full with one loss, and scores it on images that no search has read.",
  comparisons: "Trains alike with several losses and seeds, and says which are better and which are not told apart.",
  registrations: "Reads a folder of images and masks on the service's machine, which its operator has allowed, and tells all that is wrong with it.",
};

// What stands first in a form; everything else is below "All fields".
const FIRST = {
  searches: ["metric", "metrics", "dataset", "preset", "name", "seed"],
  retrainings: ["loss", "dataset", "preset", "split", "seed"],
  comparisons: ["losses", "dataset", "metric", "preset", "seeds", "learning_rates", "split"],
  registrations: ["name", "source"],
};

const LISTS = ["losses", "metrics"];

// The body that an address asks for: ?metric=bf1&dataset=shapes, or ?losses=a,b.
function begun(query) {
  const body = {};
  for (const [name, value] of query) if (name !== "from") body[name] = LISTS.includes(name) ? value.split(",") : value;
  return body;
}

const COUNTED = ["extended_by"]; // what the service counts itself

function again(request, kind) {
  const body = { ...request };
  COUNTED.forEach((name) => delete body[name]);
  if (kind === "searches" && body.metrics?.length) delete body.metric;
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

export function New({ parts: [kind], query }) {
  const from = query.get("from");
  const old = useAnswer(from);
  const [edited, setEdited] = useState(null);
  const body = edited ?? (from && old.value ? again(old.value.request, kind) : begun(query));
  const model = useModel(kind);
  const choices = useChoices();
  const every = model ? fields(model) : [];
  const lacking = every.filter((field) => field.required && body[field.name] === undefined && !(field.name === "metric" && body.metrics)).map((field) => field.name);
  const [cost, errors, wrong] = useCost(kind, body, model && !lacking.length && (!from || old.value));
  const set = (path, value) => setEdited((now) => put(now ?? body, path, value));
  const submit = async () => {
    const key = crypto.randomUUID?.() ?? String(Math.random());
    const job = await send(kind, body, { "Idempotency-Key": key });
    location.hash = `${kind}/${job.id}`;
  };
  const first = FIRST[kind].map((name) => every.find((field) => field.name === name)).filter(Boolean);
  const others = every.filter((field) => !FIRST[kind].includes(field.name) && !COUNTED.includes(field.name));
  const show = (field) => html`<${Field} key=${field.name} field=${field} path=${[field.name]} value=${body[field.name]} set=${set} errors=${errors} choices=${choices} base=${field.schema.default} />`;
  return html`<h1>New ${KINDS.find(([name]) => name === kind)[1].toLowerCase()}</h1>
    <${Choice} label="Kind of job" value=${kind} options=${KINDS} choose=${(next) => { location.hash = `new/${next}`; }} />
    <p class="lead">${ABOUT[kind]}</p>
    ${from && html`<p>Begun from <a href="#${from}">an earlier one</a>: everything it said is filled in.</p>`}
    <${Problem} problem=${old.problem} />
    <div class="columns wide-left">
      <form onSubmit=${(event) => event.preventDefault()} class="card">
        ${!model ? html`<${Loading} />` : html`<div class="fields">${first.map(show)}</div>
          <details class="all"><summary><h2>All fields</h2></summary><div class="fields">${others.map(show)}</div></details>`}
      </form>
      <aside>
        <section class="card" aria-live="polite"><h2>What it will cost</h2>
          ${lacking.length ? html`<p class="quiet">Fill in ${lacking.join(" and ")} first.</p>` : html`<${Cost} cost=${cost} wrong=${wrong} errors=${errors} />`}
          <${Action} kind="primary" act=${submit} disabled=${!cost || lacking.length > 0}>Start it<//>
        </section>
        <${Elsewhere} kind=${kind} body=${body} />
      </aside>
    </div>`;
}

// What may be chosen, by field: datasets, metrics, losses.
function useChoices() {
  const datasets = useAnswer("datasets", { get: all }).value;
  const metrics = useAnswer("metrics").value?.items;
  const losses = useAnswer("losses", { get: all }).value;
  const aliases = useAnswer("aliases", { get: all }).value;
  return useMemo(() => {
    const names = (items) => (items ?? []).map(({ name }) => name);
    return { dataset: names(datasets), metric: names(metrics), metrics: names(metrics), loss: [...names(aliases), ...names(losses)], losses: [...names(aliases), ...names(losses)] };
  }, [datasets, metrics, losses, aliases]);
}

// What the service says that a body costs, half a second after it was changed last.
function useCost(kind, body, ready) {
  const [state, setState] = useState([null, [], null]);
  const text = JSON.stringify(body);
  useEffect(() => {
    if (!ready) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const options = { method: "POST", body: text, headers: { "Content-Type": "application/json" }, signal: controller.signal };
        setState([await (await ask(`${kind}?dry_run=true`, options)).json(), [], null]);
      } catch (problem) {
        if (problem.name !== "AbortError") setState([null, problem.errors ?? [], problem]);
      }
    }, 400);
    return () => { clearTimeout(timer); controller.abort(); };
  }, [kind, text, Boolean(ready)]);
  return state;
}

const count = (value) => Number(value.toFixed(1));

function Cost({ cost, wrong, errors }) {
  if (wrong) return html`<p class="quiet">${errors.length ? "Not yet: " : ""}${errors.length ? errors.map(({ field, message }) => html`<span class="wrong" key=${field}>${field ? `${field}: ` : ""}${message} </span>`) : html`<span class="wrong">${wrong.message}</span>`}</p>`;
  if (!cost) return html`<p class="quiet">Reckoning …</p>`;
  if (!cost.trainings) return html`<p>It trains nothing: every file is read and checked.</p>`;
  const parts = Object.entries(cost.parts).filter(([, trainings]) => trainings > 0).map(([name, trainings]) => `${name} ${count(trainings)}`);
  return html`<p><strong>${count(cost.trainings)} trainings</strong>${parts.length > 1 ? ` (${parts.join(", ")})` : ""} at most.</p>
    <p>${typeof cost.minutes === "number" ? html`About <strong>${span(cost.minutes * 60)}</strong> of one worker, measured on ${cost.measured_on} trainings of this service.` : html`<span class="quiet">Nothing like it was trained on this service yet, so its time is not known.</span>`}</p>`;
}

function python(value, pad = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${pad}    `;
  const items = Array.isArray(value)
    ? value.map((one) => python(one, inner))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = `${open}${items.join(", ")}${close}`;
  return line.length < 60 ? line : `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${pad}${close}`;
}

function Elsewhere({ kind, body }) {
  const base = new URL(".", location.href).href.replace(/\/$/, "");
  const curl = `curl ${base}/v1/${kind} -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body, null, 1).replaceAll("'", "'\\''")}'`;
  const code = `from lossfit import Client\n\nwith Client("${base}") as client:\n    job = client.${kind}.submit(${python(body, "    ")})\n    job = client.${kind}.wait(job.id)\n    print(job.result)`;
  return html`<section class="card"><h2>The same elsewhere</h2><${Copy} label="as curl" text=${curl} /><${Copy} label="as Python" text=${code} /></section>`;
}
