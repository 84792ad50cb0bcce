// Where losses differ: scores against the distance from true borders, and class by class.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Chart } from "../charts.js";
import { Choice, Table, number } from "../parts.js";
import { useAnswer } from "../service.js";

const SIDES = [["trimap", "in", "In the band"], ["outside", "off", "Off the band"]];
const COLOURS = 8;
const FILE = "comparison.json";

const widths = (table, side) => table.columns.map(({ name }) => new RegExp(`^${side}_([0-9]+)$`).exec(name)).filter(Boolean).map((found) => Number(found[1])).sort((a, b) => a - b);

export function Borders({ table, told }) {
  const sides = SIDES.filter(([side]) => widths(table, side).length > 1);
  const [chosen, choose] = useState(null);
  const side = sides.find(([name]) => name === chosen) ?? sides[0];
  const [x, series] = useMemo(() => {
    if (!side) return [[], []];
    const bands = widths(table, side[0]);
    const score = (row, width) => row.entries[`${side[0]}_${width}`]?.mean ?? null;
    const rows = table.rows.filter((row) => !row.oracle && bands.some((width) => score(row, width) !== null));
    return [bands, rows.map((row, index) => ({
      label: row.name,
      values: bands.map((width) => { const value = score(row, width); return value === null ? null : value * 100; }),
      colour: `series-${index % COLOURS}`,
      dashed: index >= COLOURS,
      marked: true,
    }))];
  }, [table, side?.[0]]);
  if (!series.length) return null;
  const label = `mIoU ${side[1]} the band, percent`;
  return html`<section class="card"><h2>Near borders${told ? `, ${table.network}` : ""}</h2>
    ${sides.length > 1 && html`<${Choice} label="Which pixels" value=${side[0]} options=${sides.map(([name, , title]) => [name, title])} choose=${choose} />`}
    <${Chart} x=${x} series=${series} xLabel="width of the band, pixels" yLabel=${label} digits=${1} ticks=${x} label="${label}, against the width of the band, a line a loss; every column of the table has the numbers" />
    <p class="quiet">The band lies around true borders, on both sides. Means over seeds of the losses that are on above. Click a name below the chart to hide its line.</p>
  </section>`;
}

// Mean of what is there.
const mean = (values) => { const found = values.filter((value) => typeof value === "number"); return found.length ? found.reduce((sum, value) => sum + value, 0) / found.length : null; };

export function Classes({ path, files, losses }) {
  const there = files.some(({ name }) => name === FILE);
  const { value } = useAnswer(there ? `${path}/artifacts/${FILE}` : null);
  if (!value) return null;
  return html`${value.networks.map((network, index) => html`<${OfNetwork} key=${index} network=${network} told=${value.networks.length > 1} losses=${losses} />`)}`;
}

function OfNetwork({ network, told, losses }) {
  const shown = network.losses.filter((row) => losses.includes(row.loss));
  const names = [...new Set(shown.flatMap((row) => Object.values(row.seeds).flatMap((seed) => Object.keys(seed.class_iou ?? {}))))];
  if (!names.length) return null;
  const key = (row) => (row.clustering ? `${row.loss} ${row.clustering}` : row.loss);
  const rows = names.map((name) => ({ name, scores: Object.fromEntries(shown.map((row) => [key(row), mean(Object.values(row.seeds).map((seed) => seed.class_iou?.[name] ?? null))])) }));
  const columns = [
    { name: "name", title: "Class", value: (row) => row.name },
    ...shown.map((loss) => ({ name: key(loss), title: key(loss), numeric: true, value: (row) => row.scores[key(loss)], show: (row) => {
      const score = row.scores[key(loss)];
      const top = score !== null && score === Math.max(...Object.values(row.scores).filter((value) => value !== null));
      return score === null ? "–" : top ? html`<strong>${number(score * 100, 1)}</strong>` : number(score * 100, 1);
    } })),
  ];
  return html`<details class="card"><summary><h2>Classes${told ? `, ${network.network.architecture ?? ""}` : ""}</h2></summary>
    <p class="quiet">IoU in percent, mean over seeds; bold is the highest number, without a test. A heading sorts.</p>
    <${Table} label="IoU of classes" columns=${columns} rows=${rows} keyOf=${(row) => row.name} />
  </details>`;
}
