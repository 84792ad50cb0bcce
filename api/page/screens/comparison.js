// A comparison: its table with best and not-told-apart marked, seeds with intervals, pairs, the gallery.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Intervals } from "../charts.js";
import { Download, Loading, Picture, Problem, plain, unit } from "../parts.js";
import { OVER, useAnswer } from "../service.js";
import { Borders, Classes } from "./borders.js";
import { Gallery } from "./gallery.js";
import { Asked, Head, Tail, useJob } from "./job.js";
import { isReport } from "./report.js";

export function Comparison({ path }) {
  const asked = useJob(path);
  return html`<${Asked} ...${asked}>${asked.job && html`<${Found} path=${path} ...${asked} />`}<//>`;
}

function Found({ path, job, again, doing }) {
  const [score, setScore] = useState("");
  const [off, setOff] = useState(new Set()); // losses that are not shown
  const over = OVER.includes(job.state);
  const losses = job.request.losses.filter((loss) => !off.has(loss));
  const query = new URLSearchParams([...(score ? [["score", score]] : []), ...(off.size ? losses.map((loss) => ["loss", loss]) : [])]);
  const { value, problem } = useAnswer(`${path}/table?${query}`, { every: over ? 0 : 5000 });
  const kept = useAnswer(`${path}/table`).value ?? value; // so that the page stays while a choice is computed
  const tables = (value ?? kept)?.items ?? [];
  const files = useAnswer(over ? `${path}/artifacts` : null).value?.items ?? [];
  const toggle = (loss) => setOff((old) => {
    const next = new Set(old);
    if (!next.delete(loss) && losses.length > 1) next.add(loss);
    return next;
  });
  return html`
    <${Head} path=${path} job=${job} title="Comparison: ${job.about}" again=${again} doing=${doing}>
      ${isReport(files) && html`<a class="button" href="#${path}/report">Report</a>`}
      <a class="button" href="#datasets/${job.request.dataset}">The dataset</a>
    <//>
    <${Problem} problem=${problem} />
    ${!value && !kept && !problem && html`<${Loading} />`}
    ${(value ?? kept) && !tables.length && html`<section class="card"><h2>No retraining has finished yet</h2><p class="quiet">The table appears with the first, and fills while the others come.</p></section>`}
    ${tables.length > 0 && html`<section class="card">
      <div class="filters">
        <label>Rank by <select value=${score || tables[0].score} onChange=${(event) => setScore(event.target.value)}>
          ${tables[0].columns.filter((column) => column.higher_is_better !== null && column.factor !== null).map((column) => html`<option key=${column.name} value=${column.name}>${column.title}</option>`)}
        </select></label>
        <fieldset class="switches"><legend>Losses</legend>${job.request.losses.map((loss) => html`<label key=${loss}><input type="checkbox" checked=${!off.has(loss)} onChange=${() => toggle(loss)} /> ${loss}</label>`)}</fieldset>
      </div>
      ${tables.map((table) => html`<${Standings} key=${table.network} table=${table} told=${tables.length > 1} />`)}
      <p class="quiet"><strong>Bold</strong>: the best mean. <em>Italic</em>: not told apart from it (paired t-test over seeds, Holm, 5%). Percent, mean ± half of the 95% interval. ${off.size > 0 ? "Ranks and tests are among the losses shown." : ""}</p>
      <div class="actions">${[["markdown", "md", "Markdown"], ["csv", "csv", "CSV"], ["latex", "tex", "LaTeX"]].map(([form, ending, title]) => html`<${Download} key=${form} path="${path}/table/export?format=${form}&${query}" name="comparison.${ending}">${title}<//>`)}</div>
    </section>`}
    ${tables.map((table) => html`<${Seeds} key=${table.network} table=${table} told=${tables.length > 1} />`)}
    ${tables.map((table) => html`<${Pairs} key=${table.network} table=${table} told=${tables.length > 1} />`)}
    ${tables.map((table) => html`<${Borders} key=${table.network} table=${table} told=${tables.length > 1} />`)}
    <${Classes} path=${path} files=${files} losses=${losses} />
    <${Gallery} path=${path} files=${files} losses=${losses} />
    <${Figures} path=${path} files=${files} />
    <${Tail} path=${path} job=${job} files=${files.filter((file) => !file.name.startsWith("gallery-"))} />`;
}

const Marked = ({ entry }) => (!entry ? "" : entry.mark === "best" ? html`<strong>${entry.text}</strong>` : entry.mark === "tied" ? html`<em title="not told apart from the best">${entry.text}</em>` : entry.text);

function Standings({ table, told }) {
  const [whole, setWhole] = useState(false);
  const columns = table.columns.filter((column) => whole || column.short || column.name === table.score);
  const sorted = columns.sort((a, b) => (b.name === table.score) - (a.name === table.score));
  return html`<div>
    <div class="line"><h2>${told ? table.network : "The table"}</h2>
      <label class="quiet"><input type="checkbox" checked=${whole} onChange=${() => setWhole(!whole)} /> every column</label></div>
    <div class="scroll" tabindex="0" role="region" aria-label="Scores with ${table.network}"><table class="standings">
      <thead><tr><th scope="col">Loss</th><th scope="col" class="numeric">Rank</th>${sorted.map((column) => html`<th key=${column.name} scope="col" class="numeric ${column.name === table.score ? "by" : ""}">${column.title}</th>`)}</tr></thead>
      <tbody>${table.rows.map((row) => html`<tr key=${row.name} class=${row.oracle ? "apart" : ""}>
        <th scope="row"><a href="#zoo/${row.loss}">${row.name}</a>${Object.keys(row.failures).length > 0 && html` <span class="quiet">(${Object.keys(row.failures).length} failed)</span>`}</th>
        <td class="numeric">${row.rank === null ? "" : row.rank.toFixed(1)}</td>
        ${sorted.map((column) => html`<td key=${column.name} class="numeric ${column.name === table.score ? "by" : ""}"><${Marked} entry=${row.entries[column.name]} /></td>`)}
      </tr>`)}</tbody>
    </table></div>
    ${table.notes.map((note) => html`<p class="quiet" key=${note}>${note}</p>`)}
  </div>`;
}

const columnOf = (table) => table.columns.find((column) => column.name === table.score);

function Seeds({ table, told }) {
  const column = columnOf(table);
  const rows = useMemo(() => table.rows.flatMap((row) => {
    const entry = row.entries[table.score];
    if (!entry || entry.mean === null) return [];
    const { factor } = column;
    return [{
      name: row.name,
      values: Object.values(entry.seeds).map((value) => value * factor),
      mean: entry.mean * factor,
      half: (entry.half_interval ?? 0) * factor,
      mark: entry.mark ?? "",
      note: entry.text,
    }];
  }), [table]);
  return html`<section class="card"><h2>Every seed${told ? `, ${table.network}` : ""}</h2>
    <${Intervals} rows=${rows} unit=${unit(column.title, column.factor)} label="Points are seeds, the bar is the 95% interval of their mean." />
  </section>`;
}

function Pairs({ table, told }) {
  const { factor } = columnOf(table);
  const names = table.rows.filter((row) => !row.oracle).map((row) => row.name);
  if (!table.pairs.length) return null;
  const found = new Map(table.pairs.flatMap((pair) => [[`${pair.first}\n${pair.second}`, [pair, 1]], [`${pair.second}\n${pair.first}`, [pair, -1]]]));
  const cell = (row, column) => {
    const [pair, sign] = found.get(`${row}\n${column}`) ?? [null, 1];
    if (!pair) return html`<td key=${column} class="numeric none"></td>`;
    const value = pair.difference * factor * sign;
    const sure = pair.p !== null && pair.p < 0.05;
    const kind = !sure ? "" : pair.first === row ? "wins" : "loses";
    const half = pair.half_interval === null ? "" : ` ± ${(pair.half_interval * factor).toFixed(1)}`;
    return html`<td key=${column} class="numeric ${kind}" title="p ${pair.p === null ? "of one seed" : pair.p.toFixed(3)}">${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}${half}</td>`;
  };
  return html`<details class="card"><summary><h2>Pairwise differences${told ? `, ${table.network}` : ""}</h2></summary>
    <p class="quiet">Row minus column in ${columnOf(table).title}, over the seeds of both, with half of the 95% interval. Coloured: told apart at 5%, corrected for all pairs (Holm).</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Pairwise differences"><table class="pairs">
      <thead><tr><td></td>${names.map((name) => html`<th key=${name} scope="col" class="numeric">${name}</th>`)}</tr></thead>
      <tbody>${names.map((row) => html`<tr key=${row}><th scope="row">${row}</th>${names.map((column) => cell(row, column))}</tr>`)}</tbody>
    </table></div>
  </details>`;
}

// What the figures of a comparison are called.
const TITLES = { classes: "IoU of classes", trimap: "Near borders, and off them", curves: "Curves of the surrogates" };

function Figures({ path, files }) {
  const pictures = files.filter((file) => file.media_type === "image/png" && !file.name.startsWith("gallery-"));
  if (!pictures.length) return null;
  return html`<section class="card"><h2>Figures</h2><div class="pictures">
    ${pictures.map(({ name }) => {
      const stem = name.replace(".png", "");
      const title = TITLES[stem] ?? plain(stem);
      return html`<figure key=${name}><${Picture} figure path="${path}/artifacts/${name}" alt="Figure: ${title}" /><figcaption>${title}</figcaption></figure>`;
    })}
  </div></section>`;
}
