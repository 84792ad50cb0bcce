// Try losses on a drawn example: what each says of it, where its gradient pushes, its surface over two confidences.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { colour, useScheme } from "../charts.js";
import { Problem } from "../parts.js";
import { send } from "../service.js";

const SIDE = 24; // pixels of the drawn image, along each side
const STEPS = 11; // of a surface, along each axis
const BRUSH = 1; // pixels around the pointer
const WAIT = 150; // milliseconds after the last stroke

const grid = (of) => Array.from({ length: SIDE }, (_, row) => Array.from({ length: SIDE }, (_, column) => Number(of(row, column))));
const disc = (y, x, radius) => (row, column) => (row - y) ** 2 + (column - x) ** 2 <= radius ** 2;
const TRUTH = grid((row, column) => disc(11, 10, 6)(row, column) || (row >= 18 && row <= 20 && column >= 17));

const PREDICTIONS = {
  moved: (truth) => grid((row, column) => truth[Math.max(row - 2, 0)][Math.max(column - 2, 0)]),
  "as the truth": (truth) => truth,
  "too small": (truth) => grid((row, column) => [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]].every(([y, x]) => truth[row + y]?.[column + x])),
  "too large": (truth) => grid((row, column) => [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]].some(([y, x]) => truth[row + y]?.[column + x])),
  "with a hole": (truth) => grid((row, column) => truth[row][column] && !disc(11, 10, 2)(row, column)),
  "with a false spot": (truth) => grid((row, column) => truth[row][column] || disc(4, 19, 2)(row, column)),
  "nothing found": () => grid(() => 0),
};

// A grid of numbers as a picture; `ink(value)` is [colour, opacity].
function Cells({ cells, ink, label, paint = null, outline = null }) {
  const canvas = useRef(null);
  const scheme = useScheme();
  useEffect(() => {
    const context = canvas.current.getContext("2d");
    const [rows, columns] = [cells.length, cells[0]?.length ?? 1];
    const [high, wide] = [240 / rows, 240 / columns];
    context.clearRect(0, 0, 240, 240);
    cells.forEach((row, y) => row.forEach((value, x) => {
      const [fill, opacity] = ink(value);
      context.globalAlpha = opacity;
      context.fillStyle = fill;
      const [left, top] = [Math.round(x * wide), Math.round(y * high)];
      context.fillRect(left, top, Math.round((x + 1) * wide) - left, Math.round((y + 1) * high) - top);
    }));
    context.globalAlpha = 1;
    if (outline) border(context, outline, wide, high);
  }, [cells, ink, outline, scheme]);
  const stroke = (event) => {
    if (!paint || (event.type === "pointermove" && !event.buttons)) return;
    const box = canvas.current.getBoundingClientRect();
    paint(Math.floor(((event.clientY - box.top) / box.height) * SIDE), Math.floor(((event.clientX - box.left) / box.width) * SIDE));
  };
  return html`<canvas class="cells ${paint ? "paints" : ""}" width="240" height="240" role="img" aria-label=${label} ref=${canvas} onPointerDown=${stroke} onPointerMove=${stroke}></canvas>`;
}

// The edge of what is true, over a picture of something else.
function border(context, truth, wide, high) {
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.5;
  context.beginPath();
  truth.forEach((row, y) => row.forEach((value, x) => {
    if (value !== (row[x + 1] ?? value)) { context.moveTo((x + 1) * wide, y * high); context.lineTo((x + 1) * wide, (y + 1) * high); }
    if (value !== (truth[y + 1]?.[x] ?? value)) { context.moveTo(x * wide, (y + 1) * high); context.lineTo((x + 1) * wide, (y + 1) * high); }
  }));
  context.stroke();
}

// What every loss says of the example: name -> answer, or the problem.
function useTried(names, version, truth, scores) {
  const [state, setState] = useState({});
  const surfaced = useRef(null);
  const text = `${names.join(" ")} ${version}`;
  useEffect(() => { surfaced.current = null; }, [text]);
  useEffect(() => {
    let stale = false;
    const timer = setTimeout(async () => {
      const steps = surfaced.current === truth ? 0 : STEPS;
      const found = await Promise.all(names.map((name) => send(`losses/${name}/try${version ? `?version=${version}` : ""}`, { truth, scores, steps }).catch((problem) => ({ problem }))));
      if (stale) return;
      surfaced.current = truth;
      setState((old) => Object.fromEntries(names.map((name, index) => [name, steps ? found[index] : { ...found[index], surface: old[name]?.surface ?? [] }])));
    }, WAIT);
    return () => { stale = true; clearTimeout(timer); };
  }, [text, truth, scores]);
  return state;
}

export function Trying({ names, version = null }) {
  const [truth, setTruth] = useState(TRUTH);
  const [seen, setSeen] = useState(() => PREDICTIONS.moved(TRUTH));
  const [pen, setPen] = useState(1);
  const [sure, setSure] = useState(85);
  const scheme = useScheme();
  const scores = useMemo(() => seen.map((row) => row.map((one) => (one ? sure : 100 - sure) / 100)), [seen, sure]);
  const tried = useTried(names, version, truth, scores);
  const put = (set) => (y, x) => set((old) => old.map((row, r) => row.map((value, c) => (Math.abs(r - y) <= BRUSH && Math.abs(c - x) <= BRUSH ? pen : value))));
  const blue = useMemo(() => colour("dot"), [scheme]);
  const ink = useMemo(() => (value) => [blue, value], [blue]);
  return html`<section class="card"><h2>Try ${names.length > 1 ? "both" : "it"} on a drawing</h2>
    <p class="quiet">Draw into the first two pictures. The gradient says where a step of the training raises the foreground (blue) and where it lowers it (orange). The surface is the loss where all that is foreground is given one probability, upwards, and all that is not another, to the right: top left is right, the stronger the colour the larger the loss. Values have the loss's scale. Nothing is stored.</p>
    <div class="filters">
      <label>Prediction <select onChange=${(event) => setSeen(PREDICTIONS[event.target.value](truth))}>${Object.keys(PREDICTIONS).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
      <label>Pen <select value=${pen} onChange=${(event) => setPen(Number(event.target.value))}><option value="1">foreground</option><option value="0">background</option></select></label>
      <label>How sure it is, ${sure}% <input type="range" min="50" max="99" value=${sure} onInput=${(event) => setSure(Number(event.target.value))} /></label>
    </div>
    <div class="tiles drawn">
      <figure><${Cells} cells=${truth} ink=${ink} paint=${put(setTruth)} label="What is true: drawn with the pointer" /><figcaption>truth</figcaption></figure>
      <figure><${Cells} cells=${scores} ink=${ink} paint=${put(setSeen)} outline=${truth} label="Probability of the foreground: drawn with the pointer" /><figcaption>prediction</figcaption></figure>
      ${names.map((name) => html`<${Told} key=${name} name=${name} found=${tried[name]} truth=${truth} several=${names.length > 1} />`)}
    </div>
  </section>`;
}

const finite = (cells) => cells.flat().filter((value) => value !== null);

function Told({ name, found, truth, several }) {
  const scheme = useScheme();
  const [blue, orange] = useMemo(() => ["dot", "accent"].map(colour), [scheme]);
  const most = found?.gradient ? Math.max(...finite(found.gradient).map(Math.abs), 1e-12) : 1;
  const push = useMemo(() => (value) => [value < 0 ? blue : orange, Math.sqrt(Math.abs(value ?? 0) / most)], [blue, orange, most]);
  const values = finite(found?.surface ?? []);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const level = useMemo(() => (value) => [orange, value === null ? 0 : 0.04 + 0.96 * ((value - low) / (high - low || 1))], [orange, low, high]);
  if (found?.problem) return html`<div><strong>${several ? name : ""}</strong><${Problem} problem=${found.problem} /></div>`;
  if (!found) return html`<div class="waiting" aria-busy="true"></div>`;
  const told = found.value === null ? "not finite" : Number(found.value.toPrecision(4));
  const prefix = several ? `${name}: ` : "";
  return html`
    <figure><${Cells} cells=${found.gradient} ink=${push} outline=${truth} label="${prefix}gradient at every pixel; the largest is ${most.toPrecision(2)}" /><figcaption aria-live="polite">${prefix}<strong>loss ${told}</strong>, gradient up to ${most.toPrecision(2)}</figcaption></figure>
    ${found.surface.length > 0 && html`<figure><${Cells} cells=${[...found.surface].reverse()} ink=${level} label="${prefix}loss over the probability of the foreground where it is true, upwards, and where it is not, to the right; from ${low.toPrecision(2)} to ${high.toPrecision(2)}" />
      <figcaption>${prefix}surface, ${low.toPrecision(2)} to ${high.toPrecision(2)}</figcaption></figure>`}`;
}
