// Datasets: what was found when they were registered.

import { html } from "../vendor/preact-htm.js";
import { Ago, Bar, Copy, Facts, Loading, Picture, Problem, Table, number } from "../parts.js";
import { all, useAnswer } from "../service.js";

const counted = (images) => Object.entries(images).map(([split, count]) => `${count} ${split}`).join(", ");

const ADD = "lossfit datasets add leaves /data/leaves --classes background,leaf,stem";

export function Datasets() {
  const { value, problem } = useAnswer("datasets", { get: all });
  return html`<h1>Datasets</h1>
    <${Problem} problem=${problem} />
    ${!value && !problem && html`<${Loading} />`}
    <div class="cards">${value?.map(({ name, report, created_at }) => html`<article class="card" key=${name}>
      <h2><a href="#datasets/${name}">${name}</a></h2>
      <p>${report.classes.length} classes, ${counted(report.images)} images</p>
      ${report.picture && html`<${Picture} path="datasets/${name}/picture" alt="Samples of ${name} with their labels" loading="lazy" />`}
      ${report.remarks.length > 0 && html`<p class="quiet">${report.remarks.length === 1 ? "One remark" : `${report.remarks.length} remarks`}</p>`}
      <p class="quiet">registered <${Ago} time=${created_at} /></p>
    </article>`)}</div>
    <section class="card"><h2>Add your own</h2><p><a class="button primary" href="#new/registrations">Register a dataset</a></p><p>The service reads folders of its machine that its operator allows with <code>LOSSFIT_DATASET_ROOTS</code>.</p><${Copy} label="In a terminal" text=${ADD} /></section>`;
}

export function Dataset({ parts: [name] }) {
  const { value: dataset, problem } = useAnswer(`datasets/${name}`);
  if (!dataset) return html`<h1>${name}</h1>${problem ? html`<${Problem} problem=${problem} />` : html`<${Loading} />`}`;
  const { report, source } = dataset;
  const rows = report.classes.map((label, index) => ({ index, label, share: report.class_shares[label] ?? null }));
  const most = Math.max(...rows.map((row) => row.share ?? 0));
  const { instances, repeated } = report;
  return html`<p class="crumbs"><a href="#datasets">Datasets</a> / ${name}</p><h1>${name}</h1>
    <div class="actions"><a class="button primary" href="#new/searches?dataset=${name}">Search a loss for it</a><a class="button" href="#new/comparisons?dataset=${name}">Compare losses on it</a></div>
    ${report.remarks.map((remark) => html`<p class="remark" role="note" key=${remark}>${remark}</p>`)}
    ${report.picture && html`<section class="card"><h2>Samples with their labels</h2><${Picture} path="datasets/${name}/picture" alt="Nine training samples of ${name} with their labels" class="wide" /></section>`}
    <div class="columns">
      <section class="card"><h2>Classes</h2>
        <${Table} label="Classes" rows=${rows} keyOf=${(row) => row.label} columns=${[
          { name: "index", title: "Value", numeric: true, value: (row) => row.index },
          { name: "label", title: "Class", value: (row) => row.label },
          { name: "share", title: "Pixels, percent", numeric: true, value: (row) => row.share, show: (row) => (row.share === null ? "" : number(row.share * 100, 2)) },
          { name: "bar", title: "", show: (row) => html`<${Bar} share=${row.share / (most || 1)} />` },
        ]} /></section>
      <section class="card"><h2>What was found</h2><${Facts} facts=${{
        layout: report.layout,
        images: counted(report.images),
        "void pixels": `${number(report.void_share * 100, 1)} percent`,
        sizes: report.sizes.map(([height, width, count]) => `${height} × ${width} (${count})`).join(", "),
        "near duplicates": repeated?.images ? `${repeated.images} images in ${repeated.groups} groups${repeated.video ? ", in the order of a video" : ""}` : "none",
        objects: instances ? `${instances.objects}, ${instances.median} an image (at most ${instances.most})` : null,
        "objects that touch": instances ? `${number(instances.touching * 100, 0)} percent` : null,
        fingerprint: report.fingerprint.slice(0, 16),
      }} /></section>
    </div>
    <details class="card"><summary><h2>How it was registered</h2></summary><${Copy} label="Source" text=${JSON.stringify(source, null, 1)} /></details>`;
}
