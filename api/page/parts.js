// Pieces that all screens are made of.

import { html, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { ask, save } from "./service.js";

export const WORDS = { pausing: "pausing", cancelling: "stopping" };

export const plain = (text) => text.replaceAll("_", " ").replaceAll("-", " ");

export const PERCENT = 100; // the factor of shares

// A score's title with the unit that it is shown in.
export const unit = (title, factor) => (factor === PERCENT ? `${title}, percent` : title);

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const short = (id) => id.slice(0, 8);

export const State = ({ state }) => html`<span class="state ${state}">${WORDS[state] ?? state}</span>`;

export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} days`;
}

const seconds = (from) => (Date.now() - new Date(from)) / 1000;

export const took = ({ started_at, running_seconds }) => (started_at ? span(running_seconds) : "");

export const Ago = ({ time }) => {
  const whole = new Date(time).toLocaleString();
  return html`<time datetime=${time} title=${whole}>${span(seconds(time))} ago</time>`;
};

export const number = (value, digits = 4) => (typeof value === "number" ? value.toFixed(digits) : "");

export const Problem = ({ problem }) => problem && html`<div class="problem" role="alert">
  <p>${problem.message}</p>
  ${problem.errors?.length > 0 && html`<ul>${problem.errors.map((error) => html`<li><code>${error.field}</code> ${error.message}</li>`)}</ul>`}
</div>`;

export const Loading = () => html`<p class="quiet" aria-busy="true">Loading …</p>`;

export function Progress({ progress }) {
  if (!progress || !progress.total) return null;
  const { done, total, stage } = progress;
  const told = `${stage ? `${plain(stage)} first, ` : ""}${done} of ${total}`;
  return html`<span class="progress"><progress max=${total} value=${done} aria-label="Progress"></progress> ${told}</span>`;
}

// A button that does something on the service, tells while it does, and what went wrong.
export function Action({ act, children, kind = "", confirm = null, ...rest }) {
  const [state, setState] = useState({ busy: false, problem: null });
  const press = async () => {
    if (confirm && !window.confirm(confirm)) return;
    setState({ busy: true, problem: null });
    try {
      await act();
      setState({ busy: false, problem: null });
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return html`<span class="action">
    <button type="button" class=${kind} disabled=${state.busy} onClick=${press} ...${rest}>${children}</button>
    <${Problem} problem=${state.problem} />
  </span>`;
}

export const Download = ({ path, name, children, kind = "" }) => html`<${Action} kind=${kind} act=${() => save(path, name)}>${children ?? name}<//>`;

const bytes = (size) => (size < 1e3 ? `${size} B` : size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`);

export const Files = ({ path, files }) => files?.length > 0 && html`<ul class="files">
  ${files.map((file) => html`<li key=${file.name}>
    <${Download} kind="link" path="${path}/artifacts/${encodeURIComponent(file.name)}" name=${file.name} />
    <span class="quiet"> ${bytes(file.bytes)}</span>
  </li>`)}
</ul>`;

// A picture that is fetched with the token. `figure` ones are turned dark in the dark scheme.
export function Picture({ path, alt, figure = false, ...rest }) {
  const [url, setUrl] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    const controller = new AbortController();
    let made = null;
    ask(path, { signal: controller.signal })
      .then((response) => response.blob())
      .then((blob) => { made = URL.createObjectURL(blob); setUrl(made); })
      .catch((error) => error.name === "AbortError" || setProblem(error));
    return () => { controller.abort(); if (made) URL.revokeObjectURL(made); };
  }, [path]);
  if (problem) return html`<p class="quiet">${problem.message}</p>`;
  if (!url) return html`<div class="waiting" aria-busy="true"></div>`;
  return html`<a href=${url} target="_blank" rel="noreferrer" class="picture" title="Open in full size">
    <img src=${url} alt=${alt} class=${figure ? "figure" : ""} ...${rest} />
  </a>`;
}

export function Copy({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<figure class="code">
    <figcaption>${label}<button type="button" class="link" onClick=${copy}>${done ? "Copied" : "Copy"}</button></figcaption>
    <pre tabindex="0">${text}</pre>
  </figure>`;
}

// Buttons of which one is on; for views of the same thing.
export const Choice = ({ label, value, options, choose }) => html`<div class="choice" role="group" aria-label=${label}>
  ${options.map(([key, text]) => html`<button type="button" key=${key} aria-pressed=${key === value} onClick=${() => choose(key)}>${text}</button>`)}
</div>`;

const STEP = 50; // rows that a table shows before one asks for more

const compare = (a, b) => {
  const [none, other] = [a === null || a === undefined, b === null || b === undefined];
  if (none || other) return none - other;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
};

// A table that sorts by its headings. A column is {name, title, value(row), show(row)?, numeric?}.
export function Table({ columns, rows, by = null, down = false, keyOf, label, rowClass = () => "", tall = true }) {
  const [order, setOrder] = useState({ by, down });
  const [most, setMost] = useState(STEP);
  const sorted = useMemo(() => {
    const column = columns.find(({ name }) => name === order.by);
    if (!column) return rows;
    const found = [...rows].sort((a, b) => {
      const [first, second] = [column.value(a), column.value(b)];
      const missing = (first === null || first === undefined) !== (second === null || second === undefined);
      return missing || !order.down ? compare(first, second) : compare(second, first);
    });
    return found;
  }, [columns, rows, order]);
  const sort = (column) => setOrder((old) => ({ by: column.name, down: old.by === column.name ? !old.down : Boolean(column.numeric) }));
  const told = (column) => (order.by !== column.name ? "none" : order.down ? "descending" : "ascending");
  return html`<div class="scroll ${tall ? "tall" : ""}" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead><tr>${columns.map((column) => html`<th key=${column.name} scope="col" class=${column.numeric ? "numeric" : ""} aria-sort=${column.value ? told(column) : null}>
        ${column.value ? html`<button type="button" onClick=${() => sort(column)}>${column.title}</button>` : column.title}
      </th>`)}</tr></thead>
      <tbody>${sorted.slice(0, most).map((row) => html`<tr key=${keyOf(row)} class=${rowClass(row)}>
        ${columns.map((column) => html`<td key=${column.name} class=${column.numeric ? "numeric" : ""}>${column.show ? column.show(row) : column.value(row)}</td>`)}
      </tr>`)}</tbody>
    </table>
  </div>
  ${sorted.length > most && html`<p class="quiet">${most} of ${sorted.length}. <button type="button" class="link" onClick=${() => setMost(most * 4)}>Show more</button></p>`}`;
}

// A share as a bar beside its number.
export const Bar = ({ share }) => html`<span class="bar" aria-hidden="true"><i style=${{ width: `${((share ?? 0) * 100).toFixed(1)}%` }}></i></span>`;

export const Facts = ({ facts }) => html`<dl class="facts">${Object.entries(facts).filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
