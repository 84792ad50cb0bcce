// Charts: scores against trials (uPlot), scores of seeds with intervals, curves of losses.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import UPlot from "./vendor/uplot.js";

const HEIGHT = 280;
const WHOLE = Array.from({ length: 8 }, (_, power) => [1, 2, 5].map((times) => times * 10 ** power)).flat(); // trials, steps and pixels are counted

// A colour of the page as it is now: canvases know no variables.
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Counts up when the colours of the page change.
export function useScheme() {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setRound((old) => old + 1);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return round;
}

// The best value so far, level from one improvement to the next.
export function best(values, higher) {
  let found = null;
  return values.map((value) => {
    if (value !== null && (found === null || (higher ? value > found : value < found))) found = value;
    return found;
  });
}

// A chart of series over x, which rises. `pick` gets the index of the point that is clicked on; `whole` x are counts. A series is {label, values, colour, dots?, stepped?, width?}; x is shared by all.
// With `ticks` x is logarithmic, and has these marks.
export function Chart({ x, series, xLabel, yLabel, label, pick = null, whole = true, digits = 4, ticks: at = null }) {
  const place = useRef(null);
  const drawn = useRef(null);
  const scheme = useScheme();
  const picking = useRef(pick);
  picking.current = pick;
  const shape = `${whole} ${xLabel} ${yLabel} ${series.map((one) => one.label).join("|")} ${scheme}`;
  useEffect(() => {
    const element = place.current;
    const options = settings(element.clientWidth, { series, xLabel, yLabel, whole, digits, at });
    const chart = new UPlot(options, data(x, series), element);
    drawn.current = chart;
    const watch = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    const press = () => { const index = picking.current ? nearest(chart, series) : null; if (index !== null) picking.current(index); };
    chart.over.addEventListener("click", press);
    return () => { watch.disconnect(); chart.destroy(); };
  }, [shape]);
  useEffect(() => { drawn.current?.setData(data(x, series)); }, [x, series]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${place}></div>`;
}

// The index of the point that is nearest to the cursor: several may stand above each other.
function nearest({ cursor, data: [x, ...rows], valToPos }, series) {
  let [found, least] = [null, Infinity];
  rows.forEach((row, number) => series[number].dots && row.forEach((value, index) => {
    if (value === null) return;
    const away = Math.hypot(valToPos(x[index], "x") - cursor.left, valToPos(value, "y") - cursor.top);
    if (away < least) [found, least] = [index, away];
  }));
  return found;
}

const data = (x, series) => [x, ...series.map((one) => one.values)];

function settings(width, { series, xLabel, yLabel, whole, digits, at }) {
  const [ink, line] = [colour("quiet"), colour("line")];
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "12px system-ui", labelFont: "12px system-ui" };
  const round = (value) => (value === null || value === undefined ? "–" : value.toFixed(digits));
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false, ...(at && { distr: 3 }) } },
    legend: { markers: { width: 0, fill: (_, index) => (index ? colour(series[index - 1].colour) : "transparent") } },
    cursor: { drag: { x: true, y: false }, points: { size: 9 } },
    axes: [{ ...axis, label: xLabel, ...(whole && { incrs: WHOLE }), ...(at && { splits: () => at, values: (_, splits) => splits, filter: (_, splits) => splits }) }, { ...axis, label: yLabel, size: 62 }],
    series: [{ label: xLabel, value: (_, value) => value ?? "–" }, ...series.map((one) => ({
      label: one.label,
      stroke: colour(one.colour),
      width: one.dots ? 0 : one.width ?? 2,
      spanGaps: true,
      ...(one.dots && { paths: () => null }),
      ...(one.stepped && { paths: UPlot.paths.stepped({ align: 1 }) }),
      ...(one.dashed && { dash: [6, 4] }),
      points: one.marked ? { show: true, size: 6, fill: colour(one.colour) } : one.dots ? { show: true, size: 6, fill: colour(one.colour), width: 0 } : { show: false },
      value: (_, value) => round(value),
    }))],
  };
}

const ticks = (low, high, count) => {
  const rough = Math.max((high - low) / count, 1e-9);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough * (1 - 1e-9));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
};

// Scores of seeds as points, with mean and interval, a row each: {name, values, mean, half, mark, note}.
export function Intervals({ rows, unit, label, digits = 1 }) {
  const ends = rows.flatMap(({ values, mean, half }) => [...values, mean - (half ?? 0), mean + (half ?? 0)]);
  if (!ends.length) return null;
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const room = Math.max((most - least) * 0.05, 1e-6);
  const [low, high] = [least - room, most + room];
  const at = (value) => `${(((value - low) / (high - low)) * 100).toFixed(2)}%`;
  const wide = (half) => `${((2 * half / (high - low)) * 100).toFixed(2)}%`;
  const marks = ticks(low, high, 5).map((tick) => html`<span class="tick" key=${tick} style=${{ left: at(tick) }}></span>`);
  return html`<figure class="intervals">
    <figcaption class="quiet">${label}</figcaption>
    ${rows.map((row) => html`<div class="row ${row.mark ?? ""}" key=${row.name}>
      <span class="name">${row.name}</span>
      <span class="strip" role="img" aria-label="${row.name}: mean ${row.mean.toFixed(digits)}${row.half ? `, plus or minus ${row.half.toFixed(digits)}` : ""}, seeds ${row.values.map((value) => value.toFixed(digits)).join(", ")}">
        ${marks}
        ${row.half > 0 && html`<span class="range" style=${{ left: at(row.mean - row.half), width: wide(row.half) }}></span>`}
        ${row.values.map((value, index) => html`<span class="seed" key=${index} style=${{ left: at(value) }} title=${value.toFixed(digits + 1)}></span>`)}
        <span class="mean" style=${{ left: at(row.mean) }} title="mean ${row.mean.toFixed(digits + 1)}"></span>
      </span>
      <span class="told">${row.note ?? row.mean.toFixed(digits)}</span>
    </div>`)}
    <div class="row scale" aria-hidden="true"><span class="name">${unit}</span><span class="strip">${ticks(low, high, 5).map((tick) => html`<span class="number" key=${tick} style=${{ left: at(tick) }}>${tick}</span>`)}</span><span class="told"></span></div>
  </figure>`;
}

const SIZE = 100;
const point = ([x, y]) => `${(x * SIZE).toFixed(2)} ${((1 - y) * SIZE).toFixed(2)}`;

function path({ shape, points }) {
  if (shape === "linear") return `M${points.map(point).join("L")}`;
  let drawn = `M${point(points[0])}`;
  for (let i = 1; i + 1 < points.length; i += 2) drawn += `Q${point(points[i])} ${point(points[i + 1])}`;
  return drawn;
}

// Curves g of a loss, each in a square from 0 to 1 beside the straight line. `others` are drawn under them.
export const Curves = ({ curves, others = {}, small = false }) => html`<div class="curves ${small ? "small" : ""}">
  ${[...new Set([...Object.keys(curves), ...Object.keys(others)])].map((name) => html`<figure key=${name}>
    <svg viewBox="-4 -4 108 108" role="img" aria-label="Curve ${name}">
      <path class="frame" d="M0 0H100V100H0Z" />
      <path class="line" d="M0 100L100 0" />
      ${others[name] && html`<path class="other" d=${path(others[name])} />`}
      ${curves[name] && html`<path class="curve" d=${path(curves[name])} />`}
    </svg>
    ${!small && html`<figcaption>${name}</figcaption>`}
  </figure>`)}
</div>`;
