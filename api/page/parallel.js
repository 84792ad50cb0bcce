// Parallel coordinates: a line a trial through its parameters to its score; ranges are marked by dragging along an axis.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { colour, useScheme } from "./charts.js";

const HEIGHT = 300;
const ROOM = { left: 56, right: 56, top: 44, bottom: 26 };
const NEAR = 18; // pixels from an axis within which it is taken hold of
const WORDS = 14; // of an axis that are all told
const LEAST = 4; // pixels; a shorter drag takes the mark away

// An axis over rows: where a value stands on it, 0 at the bottom to 1; of words, each has its place.
export function axisOf(name, title, rows, read) {
  const values = rows.map(read).filter((value) => value !== null && value !== undefined);
  if (values.some((value) => typeof value === "string")) {
    const words = [...new Set(values.map(String))].sort();
    const at = (value) => (words.length > 1 ? words.indexOf(String(value)) / (words.length - 1) : 0.5);
    return { name, title, read, at, ends: [words[0] ?? "", words[words.length - 1] ?? ""], words };
  }
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const log = low > 0 && high / low > 30 && middle - low < (high - low) / 10; // most are near the lower end
  const scale = log ? Math.log : (value) => value;
  const [from, span] = [scale(low), scale(high) - scale(low) || 1];
  return { name, title: log ? `${title} (log)` : title, read, at: (value) => (scale(value) - from) / span, ends: [low, high] };
}

const told = (value) => (typeof value === "number" ? String(Number(value.toPrecision(3))) : value);

const place = (axis, row) => {
  const value = axis.read(row);
  return value === null || value === undefined ? null : axis.at(value);
};

// The rows that every mark holds; a mark is [from, to] on an axis.
export const marked = (rows, axes, marks) => rows.filter((row) => axes.every((axis) => {
  const mark = marks[axis.name];
  const at = mark && place(axis, row);
  return !mark || (at !== null && at >= mark[0] && at <= mark[1]);
}));

function shape(width, axes) {
  const step = axes.length > 1 ? (width - ROOM.left - ROOM.right) / (axes.length - 1) : 0;
  const deep = HEIGHT - ROOM.top - ROOM.bottom;
  return { x: (index) => ROOM.left + index * step, y: (at) => ROOM.top + (1 - at) * deep, step, back: (y) => 1 - (y - ROOM.top) / deep };
}

function lines(context, { x, y }, axes, rows, strokeOf) {
  for (const row of rows) {
    context.strokeStyle = strokeOf(row);
    context.beginPath();
    let begun = false;
    axes.forEach((axis, index) => {
      const at = place(axis, row);
      if (at === null) { begun = false; return; }
      if (begun) context.lineTo(x(index), y(at)); else context.moveTo(x(index), y(at));
      begun = true;
    });
    context.stroke();
  }
}

// Every word of an axis at its place, readable above the lines.
function words(context, axis, x, y, last) {
  context.save();
  context.textAlign = last ? "right" : "left";
  context.lineWidth = 4;
  context.strokeStyle = colour("card");
  context.fillStyle = colour("ink");
  for (const word of axis.words) {
    const at = [word, x + (last ? -6 : 6), y(axis.at(word)) + 4];
    context.strokeText(...at);
    context.fillText(...at);
  }
  context.restore();
}

function legends(context, { x, y, step }, axes, marks) {
  const [ink, quiet, line, accent] = ["ink", "quiet", "line", "accent"].map(colour);
  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 1;
  axes.forEach((axis, index) => {
    const first = index === 0;
    const last = index === axes.length - 1;
    context.textAlign = first ? "left" : last ? "right" : "center";
    const left = first ? 4 : last ? x(index) + ROOM.right - 4 : x(index);
    const most = Math.max(step - 8, 40);
    context.fillStyle = ink;
    context.fillText(axis.title, left, index % 2 ? 28 : 13, most * 1.9);
    context.fillStyle = quiet;
    if (!axis.words || axis.words.length > WORDS) {
      context.fillText(told(axis.ends[1]), left, ROOM.top - 5, most);
      context.fillText(told(axis.ends[0]), left, HEIGHT - 8, most);
    }
    context.strokeStyle = line;
    context.beginPath();
    context.moveTo(x(index), y(0));
    context.lineTo(x(index), y(1));
    context.stroke();
    if (axis.words && axis.words.length <= WORDS) words(context, axis, x(index), y, last);
    const mark = marks[axis.name];
    if (!mark) return;
    context.fillStyle = accent;
    context.globalAlpha = 0.45;
    context.fillRect(x(index) - 6, y(mark[1]), 12, Math.max(y(mark[0]) - y(mark[1]), 2));
    context.globalAlpha = 1;
  });
}

function draw(canvas, axes, rows, kept, marks, share) {
  const width = canvas.clientWidth;
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = HEIGHT * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const form = shape(width, axes);
  const [faint, dot, accent] = ["faint", "dot", "accent"].map(colour);
  const alone = new Set(kept);
  context.globalAlpha = Math.max(0.05, Math.min(0.35, 60 / rows.length));
  if (kept.length < rows.length) lines(context, form, axes, rows.filter((row) => !alone.has(row)), () => faint);
  context.globalAlpha = Math.max(0.12, Math.min(0.8, 150 / kept.length));
  lines(context, form, axes, kept.filter((row) => share(row) <= 0.9), () => dot);
  context.globalAlpha = 0.8;
  lines(context, form, axes, kept.filter((row) => share(row) > 0.9), () => accent); // the best tenth, above all others
  context.globalAlpha = 1;
  legends(context, form, axes, marks);
}

// Lines of `rows` through `axes`; `share(row)` is the row's rank by score, 1 of the best. Calls `choose(rows)` with those marked, null for all.
export function Parallel({ rows, axes, share, label, choose }) {
  const canvas = useRef(null);
  const holding = useRef(null);
  const [marks, setMarks] = useState({});
  const scheme = useScheme();
  const kept = useMemo(() => marked(rows, axes, marks), [rows, axes, marks]);
  useEffect(() => {
    const element = canvas.current;
    const paint = () => draw(element, axes, rows, kept, marks, share);
    const watch = new ResizeObserver(paint);
    watch.observe(element);
    return () => watch.disconnect();
  }, [rows, axes, kept, marks, share, scheme]);
  useEffect(() => { if (!holding.current) choose(Object.keys(marks).length ? kept : null); }, [kept]);
  const hold = (event) => {
    const { x, back } = shape(canvas.current.clientWidth, axes);
    const index = axes.findIndex((_, one) => Math.abs(x(one) - event.offsetX) < NEAR);
    if (index < 0) return;
    canvas.current.setPointerCapture(event.pointerId);
    holding.current = { name: axes[index].name, from: event.offsetY, back };
  };
  const drag = (event) => {
    if (!holding.current) return;
    const { name, from, back } = holding.current;
    const ends = [back(from), back(event.offsetY)].map((at) => Math.max(-0.01, Math.min(1.01, at))).sort((a, b) => a - b);
    setMarks((old) => {
      const { [name]: _, ...others } = old;
      return Math.abs(event.offsetY - from) < LEAST ? others : { ...others, [name]: ends };
    });
  };
  const release = (event) => {
    if (!holding.current) return;
    drag(event);
    holding.current = null; // what is marked is told once it is drawn
  };
  const any = Object.keys(marks).length > 0;
  return html`<canvas class="parallel" role="img" aria-label=${label} ref=${canvas} onPointerDown=${hold} onPointerMove=${drag} onPointerUp=${release} onPointerCancel=${release}></canvas>
    <p class="quiet" aria-live="polite">${any ? `${kept.length} of ${rows.length} trials are marked; the table below has them. ` : "Drag along an axis to mark a range; the table below then has those trials. The best tenth stands out. "}
      ${any && html`<button type="button" class="link" onClick=${() => { setMarks({}); choose(null); }}>All again</button>`}</p>`;
}
