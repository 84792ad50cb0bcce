// Trials of a search: score against trial, and a table that sorts and filters.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Chart, best } from "../charts.js";
import { Action, Facts, Table, number, span } from "../parts.js";
import { send, useAnswer } from "../service.js";

const TARGET = ""; // what the search aims at, among the metrics that can be chosen

const scoreOf = (trial, metric) => (metric === TARGET ? trial.score : trial.metrics[metric] ?? null);

export function Scores({ trials, title, higher, pick }) {
  const [metric, setMetric] = useState(TARGET);
  const titles = useTitles();
  const names = useMemo(() => [...new Set(trials.flatMap((trial) => Object.keys(trial.metrics ?? {})))], [trials]);
  const told = metric === TARGET ? title : titles[metric] ?? metric;
  const [x, series] = useMemo(() => {
    const sorted = [...trials].sort((a, b) => a.number - b.number);
    const values = sorted.map((trial) => scoreOf(trial, metric));
    const ended = (ending) => values.map((value, index) => (sorted[index].ending === ending ? value : null));
    const found = [
      { label: "trained", values: ended("trained"), dots: true, colour: "dot" },
      { label: "stopped early", values: ended("stopped"), dots: true, colour: "faint" },
      { label: "best so far", values: best(values, higher), colour: "accent", width: 1.5, stepped: true },
    ];
    return [sorted.map((trial) => trial.number), found.filter((one) => one.values.some((value) => value !== null))];
  }, [trials, metric, higher]);
  return html`<section class="card">
    <div class="line"><h2>Score of each trial: ${told}</h2>
      <label class="quiet">Score <select value=${metric} onChange=${(event) => setMetric(event.target.value)}>
        <option value=${TARGET}>${title} (what is searched)</option>
        ${names.map((name) => html`<option key=${name} value=${name}>${titles[name] ?? name}</option>`)}
      </select></label></div>
    <${Chart} x=${x} series=${series} xLabel="trial" yLabel=${told} pick=${pick}
      label="${told} of ${trials.length} trials; the table below has the numbers" />
    <p class="quiet">On the hold-out set. ${higher ? "Higher" : "Lower"} is better. Drag to zoom, double-click to see all, click a point for its trial. This set chooses; the race judges.</p>
  </section>`;
}

function useTitles() {
  const { value } = useAnswer("metrics");
  return useMemo(() => Object.fromEntries((value?.items ?? []).map(({ name, title }) => [name, title])), [value]);
}

const ENDINGS = ["", "trained", "stopped", "rejected", "failed"];

export function Trials({ path, trials, title, higher, publishable, chosen, choose }) {
  const [text, setText] = useState("");
  const [ending, setEnding] = useState("");
  const rows = useMemo(() => trials.filter((trial) => (!ending || trial.ending === ending)
    && (!text || `${trial.number} ${trial.label} ${trial.error ?? ""}`.toLowerCase().includes(text.toLowerCase()))), [trials, text, ending]);
  const columns = useMemo(() => [
    { name: "number", title: "Trial", numeric: true, value: (trial) => trial.number, show: (trial) => html`<button type="button" class="link" aria-expanded=${trial.number === chosen} onClick=${() => choose(trial.number === chosen ? null : trial.number)}>${trial.number}</button>` },
    { name: "generation", title: "Generation", numeric: true, value: (trial) => trial.generation },
    { name: "label", title: "What was tried", value: (trial) => trial.label },
    { name: "score", title, numeric: true, value: (trial) => trial.score, show: (trial) => number(trial.score) },
    { name: "ending", title: "Ended", value: (trial) => trial.ending },
    { name: "iterations", title: "Steps", numeric: true, value: (trial) => trial.iterations },
    { name: "seconds", title: "Time", numeric: true, value: (trial) => trial.seconds, show: (trial) => span(trial.seconds) },
  ], [chosen, title]);
  const trial = trials.find((one) => one.number === chosen);
  return html`<section class="card" id="trials"><h2>Trials</h2>
    <div class="filters">
      <label>Filter <input type="search" value=${text} placeholder="loss, number, error" onInput=${(event) => setText(event.target.value)} /></label>
      <label>Ended <select value=${ending} onChange=${(event) => setEnding(event.target.value)}>${ENDINGS.map((one) => html`<option key=${one} value=${one}>${one || "in any way"}</option>`)}</select></label>
      <span class="quiet" aria-live="polite">${rows.length} of ${trials.length}</span>
    </div>
    ${trial && html`<${Trial} path=${path} trial=${trial} publishable=${publishable} close=${() => choose(null)} />`}
    <${Table} label="Trials" columns=${columns} rows=${rows} by="score" down=${higher} keyOf=${(one) => one.number} rowClass=${(one) => (one.number === chosen ? "chosen" : "")} />
  </section>`;
}

function Trial({ path, trial, publishable, close }) {
  const titles = useTitles();
  const [name, setName] = useState("");
  const [loss, setLoss] = useState(null);
  const publish = async () => setLoss(await send(`${path}/publish`, { trial: trial.number, name }));
  const scores = Object.fromEntries(Object.entries(trial.metrics).map(([metric, score]) => [titles[metric] ?? metric, number(score)]));
  return html`<article class="trial">
    <div class="line"><h3>Trial ${trial.number}: ${trial.label}</h3><button type="button" class="link" onClick=${close}>Close</button></div>
    ${trial.error && html`<p class="problem">${trial.error}</p>`}
    <${Facts} facts=${scores} />
    ${publishable && trial.score !== null && html`<div class="filters">
      <label>Name in the zoo <input value=${name} placeholder="my-loss" onInput=${(event) => setName(event.target.value)} /></label>
      <${Action} act=${publish} kind="primary">Publish this trial<//>
      ${loss && html`<span role="status">It is <a href="#zoo/${loss.name}">${loss.name}</a>, version ${loss.version}.</span>`}
    </div>`}
  </article>`;
}
