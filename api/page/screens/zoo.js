// The zoo: losses with their curves, one loss with its provenance and downloads, the difference of two.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Annotate, Menu, OfTag, Tags } from "../annotations.js";
import { Curves } from "../charts.js";
import { Action, Ago, Copy, Facts, Loading, Problem, State, Table, plain } from "../parts.js";
import { all, ask, send, useAnswer } from "../service.js";
import { Downloads, snippet } from "./answer.js";
import { Trying } from "./trying.js";

const KINDS = [["", "every kind"], ["surrogate", "surrogates, searched or published"], ["handmade", "handmade"], ["sum", "sums"]];

const BUILT_IN = "built-in"; // the tag of what lossfit brings along

const own = (tags) => tags.filter((tag) => tag !== BUILT_IN);

// Names that stand for a loss, with the version where it is not the one that is shown.
const Aliases = ({ aliases, version }) => aliases.map((alias) => html`<a key=${alias.name} class="tag alias" href="#zoo/${alias.name}" title="An alias: ${alias.name} stands for version ${alias.version}"><small>alias</small> ${alias.name}${alias.version === version ? "" : ` = v${alias.version}`}</a> `);

export function Zoo({ query }) {
  const tag = query.get("tag") ?? "";
  const { value: losses, problem } = useAnswer(tag ? `losses?tag=${encodeURIComponent(tag)}` : "losses", { get: all });
  const { value: aliases } = useAnswer("aliases", { get: all });
  const [text, setText] = useState("");
  const [kind, setKind] = useState("");
  const named = useMemo(() => Map.groupBy(aliases ?? [], (alias) => alias.loss), [aliases]);
  const shown = useMemo(() => (losses ?? []).filter((loss) => (!kind || loss.kind === kind)
    && [loss.name, loss.metric, ...loss.tags, loss.note, ...(named.get(loss.name) ?? []).map((alias) => alias.name)].join(" ").toLowerCase().includes(text.toLowerCase())), [losses, named, text, kind]);
  return html`<h1>Losses</h1>
    <div class="filters" role="search">
      <label>Search <input type="search" value=${text} placeholder="name, alias, metric, tag, note" onInput=${(event) => setText(event.target.value)} /></label>
      <label>Kind <select value=${kind} onChange=${(event) => setKind(event.target.value)}>${KINDS.map(([key, told]) => html`<option key=${key} value=${key}>${told}</option>`)}</select></label>
      <${OfTag} tag=${tag} list="zoo" />
      <span class="quiet" aria-live="polite">${losses ? `${shown.length} of ${losses.length}` : ""}</span>
    </div>
    <${Problem} problem=${problem} />
    ${!losses && !problem && html`<${Loading} />`}
    <ul class="zoo">${shown.map((loss) => html`<li key=${loss.name} class="card">
      <a href="#zoo/${loss.name}${tag ? `?version=${loss.version}` : ""}"><strong>${loss.name}</strong></a>
      <span class="quiet">${loss.kind}${loss.metric ? ` for ${loss.metric}` : ""}${loss.version > 1 ? `, version ${loss.version}` : ""}</span>
      ${Object.keys(loss.curves).length > 0 && html`<${Curves} small curves=${loss.curves} />`}
      ${(own(loss.tags).length > 0 || named.has(loss.name)) && html`<span class="line"><${Aliases} aliases=${named.get(loss.name) ?? []} version=${loss.version} /><${Tags} tags=${own(loss.tags)} list="zoo" /></span>`}
      ${loss.note && html`<p class="note quiet">${loss.note}</p>`}
    </li>`)}</ul>`;
}

// Leaves of a loss file that tell one loss from another.
function leaves(value, prefix = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[prefix, Array.isArray(value) ? value.map((one) => (typeof one === "number" ? Number(one.toPrecision(4)) : JSON.stringify(one))).join(", ") : String(value)]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, prefix ? `${prefix}.${name}` : name));
}

const LONG = 300; // characters; what is longer, such as all trials of a search, is in the file

const rows = (value) => Object.fromEntries(leaves(value).filter(([, told]) => told.length < LONG && told !== "null"));

export function Loss({ parts: [asked], query }) {
  const [version, setVersion] = useState(query.get("version"));
  const { value: loss, problem, again } = useAnswer(`losses/${asked}${version ? `?version=${version}` : ""}`);
  const { value: others } = useAnswer("losses", { get: all });
  if (!loss) return html`<h1>${asked}</h1>${problem ? html`<${Problem} problem=${problem} />` : html`<${Loading} />`}`;
  const { name, aliases } = loss;
  const { provenance = {}, ...document } = loss.document;
  const { schema, name: _name, title, sha256, control_points: _points, terms, ...told } = document;
  const { trials, path: _path, mean_scores: _means, chosen, ...origin } = provenance;
  return html`<p class="crumbs"><a href="#zoo">Losses</a> / ${name}</p><h1>${name}</h1>
    <p class="lead">${title}</p>
    <p class="line"><span class="tag">${loss.kind}</span>${loss.metric && html`<span class="tag">for ${loss.metric}</span>`}
      <${Aliases} aliases=${aliases.map((alias) => ({ name: alias, version: loss.version }))} version=${loss.version} />
      <${Tags} tags=${loss.tags} list="zoo" />
      ${loss.versions.length > 1 && html`<label>Version <select value=${loss.version} onChange=${(event) => setVersion(Number(event.target.value))}>${loss.versions.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>`}
      <span class="quiet">added <${Ago} time=${loss.created_at} /></span></p>
    ${loss.note && html`<p class="note">${loss.note}</p>`}
    <${Downloads} loss=${loss}>
      <${Annotate} key=${`${name} ${loss.version}`} path="losses/${name}/annotate?version=${loss.version}" tags=${own(loss.tags)} note=${loss.note} again=${again} />
      <${AliasMenu} loss=${loss} again=${again} />
    <//>
    ${Object.keys(loss.curves).length > 0 && html`<section class="card"><h2>Curves</h2><p class="quiet">g takes a probability and gives what the metric's logic takes for it; the thin line is no search at all.</p><${Curves} curves=${loss.curves} /></section>`}
    <div class="columns">
      <section class="card"><h2>What it is</h2><${Facts} facts=${{ ...rows(told), "needs of a batch": loss.needs.inputs.join(", "), "needs of the data": loss.needs.facts.join(", ") }} />
        ${terms && html`<h3>A sum of</h3><ul>${terms.map((term) => html`<li key=${term.loss.name}>${Number(term.weight.toPrecision(4))} × ${term.loss.name ?? term.loss.loss ?? term.loss.metric}</li>`)}</ul>`}</section>
      <${Origin} origin=${origin} chosen=${chosen} />
    </div>
    ${loss.parameters.length > 0 && html`<section class="card"><h2>Parameters</h2><${Table} label="Parameters" keyOf=${(row) => row.name} rows=${loss.parameters} columns=${[
      { name: "name", title: "Name", value: (row) => row.name },
      { name: "value", title: "Here", value: (row) => JSON.stringify(row.value) },
      { name: "range", title: "May be", value: (row) => row.range },
      { name: "meaning", title: "Meaning", value: (row) => row.meaning },
    ]} /></section>`}
    <${Trying} names=${[name]} version=${loss.version} />
    <${Used} name=${name} />
    <section class="card"><h2>Use it</h2><${Copy} label="Python" text=${snippet(name)} /></section>
    ${others && html`<section class="card"><h2>Difference to another loss</h2><label>Loss <select value="" onChange=${(event) => { location.hash = `zoo/${name}/against/${event.target.value}`; }}>
      <option value="" disabled>choose one</option>${others.filter((one) => one.name !== name).map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select></label></section>`}`;
}

// The aliases of a version: to remove, and to make or to move here.
function AliasMenu({ loss, again }) {
  const [alias, setAlias] = useState("");
  const { value: there, again: look } = useAnswer("aliases", { get: all });
  const moves = there?.find((one) => one.name === alias);
  const point = async () => {
    await send("aliases", { name: alias, loss: loss.name, version: loss.version });
    setAlias("");
    look();
    again();
  };
  const remove = (name) => async () => {
    await ask(`aliases/${name}`, { method: "DELETE" });
    look();
    location.hash = `zoo/${loss.name}?version=${loss.version}`; // the address may have been the alias
    again();
  };
  return html`<${Menu} title="Aliases">${() => html`
    ${loss.aliases.length > 0 && html`<ul class="plain">${loss.aliases.map((name) => html`<li key=${name} class="line"><span>${name}</span> <${Action} kind="link" act=${remove(name)} aria-label="Remove the alias ${name}">Remove<//></li>`)}</ul>`}
    <label>A name that stands for version ${loss.version} <input value=${alias} placeholder="production" onInput=${(event) => setAlias(event.target.value.trim())} /></label>
    ${moves && html`<p class="hint">It stands for ${moves.loss}, version ${moves.version}, and moves.</p>`}
    <${Action} act=${point} kind="primary">${moves ? "Move it here" : "Let it stand for this"}<//>`}<//>`;
}

// Where a loss was compared, trained and searched from: what came out of it.
function Used({ name }) {
  const { value } = useAnswer(`jobs?text=${encodeURIComponent(name)}&limit=20&kind=comparison&kind=retraining`);
  if (!value?.items.length) return null;
  return html`<section class="card"><h2>Where it was trained</h2><div class="scroll" tabindex="0" role="region" aria-label="Jobs with ${name}"><table>
    <thead><tr><th scope="col">What</th><th scope="col">What came out</th><th scope="col">When</th></tr></thead>
    <tbody>${value.items.map((job) => html`<tr key=${job.id}><td><a href="#${job.path}/${job.id}">${plain(job.kind)}: ${job.about}</a></td><td>${job.headline || html`<${State} state=${job.state} />`}</td><td><${Ago} time=${job.created_at} /></td></tr>`)}</tbody>
  </table></div></section>`;
}

const FEW = 12; // rows that are shown at once

function Origin({ origin, chosen }) {
  const { search, ...others } = origin;
  const facts = rows(others);
  const table = html`<${Facts} facts=${facts} />`;
  return html`<section class="card"><h2>Where it comes from</h2>
    ${chosen?.race && html`<p>${chosen.race.sentence}</p>`}
    ${search && html`<p>Found by <a href="#searches/${search}">a search</a> on ${origin.dataset?.name ?? "data of its user"}.</p>`}
    ${Object.keys(facts).length > FEW ? html`<details><summary>All that is known of it</summary>${table}</details>` : table}
  </section>`;
}

export function Difference({ parts: [one, other] }) {
  const [first, second] = [useAnswer(`losses/${one}`), useAnswer(`losses/${other}`)];
  const problem = first.problem ?? second.problem;
  if (!first.value || !second.value) return html`<h1>${one} and ${other}</h1>${problem ? html`<${Problem} problem=${problem} />` : html`<${Loading} />`}`;
  const [a, b] = [first, second].map(({ value }) => rows({ ...value.document, sha256: undefined }));
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
  const [drawn, under] = [first.value.curves, second.value.curves];
  return html`<p class="crumbs"><a href="#zoo">Losses</a> / <a href="#zoo/${one}">${one}</a></p>
    <h1>${one} against ${other}</h1>
    ${(Object.keys(drawn).length > 0 || Object.keys(under).length > 0) && html`<section class="card"><h2>Curves</h2><p class="quiet">Strong: ${one}; dashed: ${other}.</p><${Curves} curves=${drawn} others=${under} /></section>`}
    <${Trying} names=${[one, other]} />
    <section class="card"><h2>What differs</h2><${Table} tall=${false} label="What differs" keyOf=${(name) => name} rows=${names} columns=${[
      { name: "name", title: "Field", value: (name) => name, show: (name) => plain(name) },
      { name: "first", title: one, value: (name) => a[name] ?? "–" },
      { name: "second", title: other, value: (name) => b[name] ?? "–" },
    ]} /></section>`;
}
