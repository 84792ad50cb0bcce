// Trials of a search: score against trial, parallel coordinates, and a table that sorts and filters.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Chart, best } from "../charts.js";
import { Parallel, axisOf } from "../parallel.js";
import { Action, Ago, Facts, Loading, PERCENT, Problem, Table, number, span, unit } from "../parts.js";
import { keep, send, useAnswer } from "../service.js";

// A score as it is shown, and the unit that it is shown in.
const shown = (score, factor, digits = 2) => (score === null || score === undefined ? "" : factor === PERCENT ? (score * factor).toFixed(digits) : number(score * factor));

const TARGET = ""; // what the search aims at, among the metrics that can be chosen

const NUMBER = ""; // what scores stand against, if not a parameter

const scoreOf = (trial, metric) => (metric === TARGET ? trial.score : trial.metrics[metric] ?? null);

export function Scores({ trials, title, higher, factor, pick }) {
  const [metric, setMetric] = useState(TARGET);
  const [against, setAgainst] = useState(NUMBER);
  const metrics = useMetrics();
  const names = useMemo(() => [...new Set(trials.flatMap((trial) => Object.keys(trial.metrics ?? {})))], [trials]);
  const told = metric === TARGET ? title : metrics[metric]?.title ?? metric;
  const times = metric === TARGET ? factor : metrics[metric]?.factor ?? 1;
  const parameters = useMemo(() => [...new Set(trials.flatMap((trial) => Object.keys(trial.parameters).filter((name) => typeof trial.parameters[name] === "number")))], [trials]);
  const [sorted, x, series] = useMemo(() => {
    const at = (trial) => (against === NUMBER ? trial.number : trial.parameters[against]);
    const sorted = trials.filter((trial) => typeof at(trial) === "number").sort((a, b) => at(a) - at(b));
    const values = sorted.map((trial) => scoreOf(trial, metric)).map((score) => (score === null ? null : score * times));
    const ended = (ending) => values.map((value, index) => (sorted[index].ending === ending ? value : null));
    const found = [
      { label: "trained", values: ended("trained"), dots: true, colour: "dot" },
      { label: "stopped early", values: ended("stopped"), dots: true, colour: "faint" },
      ...(against === NUMBER ? [{ label: "best so far", values: best(values, higher), colour: "accent", width: 1.5, stepped: true }] : []),
    ];
    return [sorted, sorted.map(at), found.filter((one) => one.values.some((value) => value !== null))];
  }, [trials, metric, against, higher, times]);
  return html`<section class="card">
    <div class="line"><h2>Score of each trial: ${told}</h2>
      ${parameters.length > 0 && html`<label class="quiet">Against <select value=${against} onChange=${(event) => setAgainst(event.target.value)}>
        <option value=${NUMBER}>trial</option>${parameters.map((name) => html`<option key=${name} value=${name}>${name.replaceAll("_", " ")}</option>`)}</select></label>`}
      <label class="quiet">Score <select value=${metric} onChange=${(event) => setMetric(event.target.value)}>
        <option value=${TARGET}>${title} (what is searched)</option>
        ${names.map((name) => html`<option key=${name} value=${name}>${metrics[name]?.title ?? name}</option>`)}
      </select></label></div>
    <${Chart} x=${x} series=${series} xLabel=${against === NUMBER ? "trial" : against.replaceAll("_", " ")} whole=${against === NUMBER} yLabel=${unit(told, times)} digits=${times === PERCENT ? 2 : 4} pick=${(index) => pick(sorted[index].number)}
      label="${told} of ${sorted.length} trials against ${against === NUMBER ? "their numbers" : against}; the table below has the numbers" />
    <p class="quiet">On the hold-out set. ${higher ? "Higher" : "Lower"} is better. Drag to zoom, double-click to see all, click a point for its trial. This set chooses; the race judges.</p>
  </section>`;
}

const EVERY = ""; // every kind of loss

// Each row's rank by score from 0, the worst, to 1.
function ranks(rows, higher) {
  const sorted = [...rows].sort((a, b) => (higher ? a.score - b.score : b.score - a.score));
  return new Map(sorted.map((row, index) => [row, sorted.length > 1 ? index / (sorted.length - 1) : 1]));
}

// Parameters of trials as lines. Kinds of losses have parameters of their own, so one is chosen to see them.
export function Coordinates({ trials, title, higher, factor, choose }) {
  const [kind, setKind] = useState(EVERY);
  const scored = useMemo(() => trials.filter((trial) => trial.score !== null && Object.keys(trial.parameters).length > 0), [trials]);
  const kinds = useMemo(() => {
    const counts = new Map();
    scored.forEach(({ parameters: { loss } }) => loss && counts.set(loss, (counts.get(loss) ?? 0) + 1));
    return [...counts].sort((a, b) => b[1] - a[1]);
  }, [scored]);
  const [rows, axes, share] = useMemo(() => {
    const some = scored.filter((trial) => kind === EVERY || trial.parameters.loss === kind);
    const names = [...new Set(some.flatMap((trial) => Object.keys(trial.parameters)))].filter((name) => (kinds.length && kind === EVERY ? ["loss", "rate"].includes(name) : name !== "loss"));
    const order = ranks(some, higher);
    const of = names.map((name) => axisOf(name, name.replaceAll("_", " "), some, (trial) => trial.parameters[name]));
    return [some, [...of, axisOf("score", unit(title, factor), some, (trial) => trial.score * factor)], (row) => order.get(row)];
  }, [scored, kind, kinds.length, title, higher, factor]);
  if (scored.length < 2) return null;
  const turn = (event) => { setKind(event.target.value); choose(null); };
  return html`<section class="card"><div class="line"><h2>Parameters</h2>
      ${kinds.length > 1 && html`<label class="quiet">Loss <select value=${kind} onChange=${turn}>
        <option value=${EVERY}>every kind</option>${kinds.map(([name, count]) => html`<option key=${name} value=${name}>${name} (${count})</option>`)}</select></label>`}</div>
    <${Parallel} key=${kind} rows=${rows} axes=${axes} share=${share} choose=${choose} label="Parameters and scores of ${rows.length} trials as lines; the table below has the numbers" />
  </section>`;
}

function useMetrics() {
  const { value } = useAnswer("metrics");
  return useMemo(() => Object.fromEntries((value?.items ?? []).map((metric) => [metric.name, metric])), [value]);
}

const ENDINGS = ["", "trained", "stopped", "rejected", "failed"];

const CSV = ["number", "generation", "label", "score", "ending", "iterations", "seconds", "error"];

// The trials that are shown as CSV, with their parameters and metrics in columns of their own.
function csv(trials) {
  const of = (name) => [...new Set(trials.flatMap((trial) => Object.keys(trial[name] ?? {})))];
  const [parameters, metrics] = [of("parameters"), of("metrics")];
  const cell = (value) => (/[",\n]/.test(String(value ?? "")) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));
  const rows = trials.map((trial) => [...CSV.map((name) => trial[name]), ...parameters.map((name) => trial.parameters[name]), ...metrics.map((name) => trial.metrics[name])]);
  return [[...CSV, ...parameters.map((name) => `parameter.${name}`), ...metrics], ...rows].map((row) => row.map(cell).join(",")).join("\n");
}

export function Trials({ path, trials, title, higher, factor, publishable, chosen, choose, only }) {
  const [text, setText] = useState("");
  const [ending, setEnding] = useState("");
  const rows = useMemo(() => (only ?? trials).filter((trial) => (!ending || trial.ending === ending)
    && (!text || `${trial.number} ${trial.label} ${trial.error ?? ""}`.toLowerCase().includes(text.toLowerCase()))), [trials, only, text, ending]);
  const columns = useMemo(() => [
    { name: "number", title: "Trial", numeric: true, value: (trial) => trial.number, show: (trial) => html`<button type="button" class="link" aria-expanded=${trial.number === chosen} onClick=${() => choose(trial.number === chosen ? null : trial.number)}>${trial.number}</button>` },
    { name: "generation", title: "Generation", numeric: true, value: (trial) => trial.generation },
    { name: "label", title: "What was tried", value: (trial) => trial.label },
    { name: "score", title: unit(title, factor), numeric: true, value: (trial) => trial.score, show: (trial) => shown(trial.score, factor) },
    { name: "ending", title: "Ended", value: (trial) => trial.ending },
    { name: "iterations", title: "Steps", numeric: true, value: (trial) => trial.iterations },
    { name: "seconds", title: "Time", numeric: true, value: (trial) => trial.seconds, show: (trial) => span(trial.seconds) },
  ], [chosen, title, factor]);
  const trial = trials.find((one) => one.number === chosen);
  return html`<section class="card" id="trials"><h2>Trials</h2>
    <div class="filters">
      <label>Filter <input type="search" value=${text} placeholder="loss, number, error" onInput=${(event) => setText(event.target.value)} /></label>
      <label>Ended <select value=${ending} onChange=${(event) => setEnding(event.target.value)}>${ENDINGS.map((one) => html`<option key=${one} value=${one}>${one || "in any way"}</option>`)}</select></label>
      <span class="quiet" aria-live="polite">${rows.length} of ${trials.length}${only ? ", of those marked above" : ""}</span>
      <button type="button" onClick=${() => keep(new Blob([csv(rows)], { type: "text/csv" }), "trials.csv")}>CSV</button>
    </div>
    ${trial && html`<${Trial} path=${path} trial=${trial} factor=${factor} publishable=${publishable} close=${() => choose(null)} />`}
    <${Table} label="Trials" columns=${columns} rows=${rows} by="score" down=${higher} keyOf=${(one) => one.number} rowClass=${(one) => (one.number === chosen ? "chosen" : "")} />
  </section>`;
}

function Trial({ path, trial, factor, publishable, close }) {
  const metrics = useMetrics();
  const { value: detail, problem } = useAnswer(`${path}/trials/${trial.number}`);
  const scores = Object.fromEntries(Object.entries(trial.metrics).map(([name, score]) => [unit(metrics[name]?.title ?? name, metrics[name]?.factor), shown(score, metrics[name]?.factor ?? 1)]));
  const parameters = Object.fromEntries(Object.entries(trial.parameters).map(([name, value]) => [name.replaceAll("_", " "), typeof value === "number" ? Number(value.toPrecision(4)) : value]));
  return html`<article class="trial">
    <div class="line"><h3>Trial ${trial.number}: ${trial.label}</h3><button type="button" class="link" onClick=${close}>Close</button></div>
    ${trial.error && html`<p class="problem">${trial.error}</p>`}
    <div class="columns">
      <div><h4>Parameters</h4><${Facts} facts=${parameters} /><h4>Scores on the hold-out set</h4><${Facts} facts=${scores} /></div>
      <div>${detail ? html`<${Training} detail=${detail} factor=${factor} />` : html`<${Problem} problem=${problem} />${!problem && html`<${Loading} />`}`}</div>
    </div>
    ${publishable && trial.score !== null && html`<${Publish} path=${path} trial=${trial} />`}
  </article>`;
}

// How a trial was trained: the curve of its loss, its rungs and races, where it ran.
function Training({ detail, factor }) {
  const [x, series] = useMemo(() => [detail.curve.map(([step]) => step), [{ label: "training loss", values: detail.curve.map(([, loss]) => loss), colour: "dot" }]], [detail]);
  const { worker, failure } = detail;
  return html`${x.length > 1 && html`<h4>Its training</h4><${Chart} x=${x} series=${series} xLabel="step" yLabel="training loss" label="Training loss of the trial against step" />`}
    ${detail.evaluations.length > 0 && html`<h4>Trained beside it</h4><ul class="plain">${detail.evaluations.map((one) => html`<li key=${one.stage}>${one.stage}: ${one.error ?? shown(one.score, factor)} <span class="quiet">in ${span(one.seconds)}</span></li>`)}</ul>`}
    <${Facts} facts=${{
      ended: html`${detail.ending}${failure ? ` (${failure})` : ""}, <${Ago} time=${detail.finished_at} />`,
      steps: detail.iterations,
      time: span(detail.seconds),
      ...Object.fromEntries(Object.entries(worker).map(([name, value]) => [name, String(value)])),
      "hold-out set": detail.hold_out,
    }} />`;
}

function Publish({ path, trial }) {
  const [name, setName] = useState("");
  const [loss, setLoss] = useState(null);
  const publish = async () => setLoss(await send(`${path}/publish`, { trial: trial.number, name }));
  return html`<div class="filters">
    <label>Name in the zoo <input value=${name} placeholder="my-loss" onInput=${(event) => setName(event.target.value)} /></label>
    <${Action} act=${publish} kind="primary">Publish this trial<//>
    ${loss && html`<span role="status">It is <a href="#zoo/${loss.name}">${loss.name}</a>, version ${loss.version}.</span>`}
  </div>`;
}
