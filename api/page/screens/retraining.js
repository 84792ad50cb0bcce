// A retraining: its scores, curve, classes, predictions, model card.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Chart } from "../charts.js";
import { Bar, Facts, Picture, Table, number } from "../parts.js";
import { OVER, ask, useAnswer } from "../service.js";
import { Asked, Head, Tail, useJob } from "./job.js";

const text = async (path, options) => (await ask(path, options)).text();

export function Retraining({ path }) {
  const asked = useJob(path);
  return html`<${Asked} ...${asked}>${asked.job && html`<${Found} path=${path} ...${asked} />`}<//>`;
}

function Found({ path, job, again, doing }) {
  const over = OVER.includes(job.state);
  const files = useAnswer(over ? `${path}/artifacts` : null).value?.items ?? [];
  const has = (name) => files.some((file) => file.name === name);
  const { value: report } = useAnswer(has("metrics.json") ? `${path}/artifacts/metrics.json` : null);
  const { value: card } = useAnswer(has("model-card.md") ? `${path}/artifacts/model-card.md` : null, { get: text });
  return html`
    <${Head} path=${path} job=${job} title="Training: ${job.about}" again=${again} doing=${doing}>
      <a class="button" href="#zoo/${job.request.loss}">The loss</a>
      <a class="button" href="#new/comparisons?losses=${job.request.loss},cross-entropy&dataset=${job.request.dataset}">Compare</a>
    <//>
    ${job.result && html`<${Scores} metrics=${job.result.metrics} report=${report} />`}
    ${job.result && html`<${Rivals} job=${job} />`}
    ${report && html`<div class="columns">
      <${Training} curve=${report.curve} />
      <${Classes} classes=${report.class_iou} colours=${report.colours ?? {}} />
    </div>`}
    ${has("predictions.png") && html`<section class="card"><h2>Predictions</h2>
      <p class="quiet">From left to right: the image, its labels, what the network predicts.</p>
      <${Picture} path="${path}/artifacts/predictions.png" alt="Images, their labels and predictions in three columns" class="pixels wide" /></section>`}
    ${has("objects.png") && html`<section class="card"><h2>Objects</h2><${Picture} path="${path}/artifacts/objects.png" alt="Objects that were found" class="pixels wide" /></section>`}
    ${card && html`<details class="card"><summary><h2>Model card</h2></summary><pre class="card-text" tabindex="0">${card}</pre></details>`}
    <${Tail} path=${path} job=${job} files=${over ? files : []} />`;
}

function Scores({ metrics, report }) {
  const { value } = useAnswer("metrics");
  const titles = Object.fromEntries((value?.items ?? []).map(({ name, title }) => [name, title]));
  const [known, others] = [[], []];
  Object.entries(metrics).forEach(([name, score]) => (titles[name] ? known : others).push([titles[name] ?? name, score === null ? "–" : (score * (Math.abs(score) <= 1 ? 100 : 1)).toFixed(1)]));
  return html`<section class="card"><h2>Scores</h2>
    <p class="quiet">${report ? `On the ${report.images} images of the split ${report.split}, percent.` : "Percent."}</p>
    <${Facts} facts=${Object.fromEntries(known)} />
    ${others.length > 0 && html`<details><summary>Near borders, and others</summary><${Facts} facts=${Object.fromEntries(others)} /></details>`}
  </section>`;
}

// Other retrainings on the same data: a comparison says whether they differ by more than chance.
function Rivals({ job }) {
  const { dataset } = job.request;
  const { value } = useAnswer(`jobs?kind=retraining&state=succeeded&limit=50&text=${encodeURIComponent(dataset)}`);
  const others = (value?.items ?? []).filter((one) => one.id !== job.id && one.about.endsWith(` on ${dataset}`));
  if (!others.length) return null;
  return html`<details class="card"><summary><h2>Others on ${dataset}</h2></summary>
    <p class="quiet">Settings and splits may differ; a <a href="#new/comparisons?losses=${job.request.loss},cross-entropy&dataset=${dataset}">comparison</a> trains alike and tests over seeds.</p>
    <ul>${others.map((one) => html`<li key=${one.id}><a href="#${one.path}/${one.id}">${one.about}</a>: ${one.headline}</li>`)}</ul>
  </details>`;
}

function Training({ curve }) {
  const [x, series] = useMemo(() => {
    const points = curve.map((point) => (Array.isArray(point) ? point : [point.step, point.loss]));
    return [points.map(([step]) => step), [{ label: "training loss", values: points.map(([, loss]) => loss), colour: "dot" }]];
  }, [curve]);
  return x.length > 1 && html`<section class="card"><h2>The training</h2>
    <${Chart} x=${x} series=${series} xLabel="step" yLabel="training loss" label="Training loss against step" />
  </section>`;
}

function Classes({ classes, colours }) {
  const rows = Object.entries(classes).map(([name, iou]) => ({ name, iou }));
  const columns = [
    { name: "name", title: "Class", value: (row) => row.name, show: (row) => html`<span class="swatch">${colours[row.name] && html`<i style=${{ background: colours[row.name] }}></i>`}${row.name}</span>` },
    { name: "iou", title: "IoU, percent", numeric: true, value: (row) => row.iou, show: (row) => (row.iou === null ? "absent" : number(row.iou * 100, 1)) },
    { name: "bar", title: "", show: (row) => html`<${Bar} share=${row.iou} />` },
  ];
  return html`<section class="card"><h2>Classes</h2><${Table} label="IoU of classes" columns=${columns} rows=${rows} keyOf=${(row) => row.name} /></section>`;
}
