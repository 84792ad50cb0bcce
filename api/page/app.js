// The frame: navigation, the token, and which screen stands for the address behind the #.

import { html, render, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { onToken, setToken } from "./service.js";
import { Comparison } from "./screens/comparison.js";
import { Dataset, Datasets } from "./screens/datasets.js";
import { Home } from "./screens/home.js";
import { Jobs } from "./screens/jobs.js";
import { New } from "./screens/new.js";
import { PlainJob } from "./screens/plain_job.js";
import { Report } from "./screens/report.js";
import { Retraining } from "./screens/retraining.js";
import { Search } from "./screens/search.js";
import { Difference, Loss, Zoo } from "./screens/zoo.js";

const ID = "([0-9a-f-]{36})";
const NAME = "([A-Za-z0-9][A-Za-z0-9._-]*)";

// What may stand behind the # -> its screen, and the entry of the navigation that it belongs to.
const SCREENS = [
  ["", Home, ""],
  ["jobs", Jobs, "jobs"],
  [`searches/${ID}`, Search, "jobs"],
  [`retrainings/${ID}`, Retraining, "jobs"],
  [`comparisons/${ID}`, Comparison, "jobs"],
  [`(?:searches|comparisons)/${ID}/report`, Report, "jobs"],
  [`(?:loss-networks|registrations)/${ID}`, PlainJob, "jobs"],
  ["zoo", Zoo, "zoo"],
  [`zoo/${NAME}/against/${NAME}`, Difference, "zoo"],
  [`zoo/${NAME}`, Loss, "zoo"],
  ["datasets", Datasets, "datasets"],
  [`datasets/${NAME}`, Dataset, "datasets"],
  ["new/(searches|retrainings|comparisons|registrations)", New, "new"],
].map(([pattern, screen, entry]) => [new RegExp(`^${pattern}$`), screen, entry]);

const ENTRIES = [["", "Home"], ["jobs", "Jobs"], ["zoo", "Losses"], ["datasets", "Datasets"]];

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  for (const [pattern, screen, entry] of SCREENS) {
    const found = pattern.exec(path);
    if (found) return { path, screen, entry, parts: found.slice(1), query: new URLSearchParams(query) };
  }
  return { path, screen: Nowhere, entry: null, parts: [], query: new URLSearchParams() };
}

const Nowhere = ({ path }) => html`<h1>Nothing here</h1><p>There is no page <code>${path}</code>. <a href="#">Home</a></p>`;

function Token({ done }) {
  const [token, set] = useState("");
  const open = (event) => { event.preventDefault(); setToken(token); done(); };
  return html`<form class="token card" onSubmit=${open}>
    <h1>This service asks for a token</h1>
    <p>The operator gives one out with <code>lossfit tokens add</code>. It is kept until this tab is closed.</p>
    <label>Token <input type="password" autocomplete="current-password" required value=${token} onInput=${(event) => set(event.target.value)} /></label>
    <button class="primary">Open</button>
  </form>`;
}

function App() {
  const [at, setAt] = useState(place);
  const [locked, setLocked] = useState(false);
  const [round, setRound] = useState(0);
  const main = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    const move = () => { setAt(place()); window.scrollTo(0, 0); };
    window.addEventListener("hashchange", move);
    return () => window.removeEventListener("hashchange", move);
  }, []);
  useEffect(() => onToken(() => setLocked(true)), []);
  useEffect(() => { if (first.current) first.current = false; else main.current.focus(); }, [at.path]);
  useEffect(() => { // the tab says what its heading says
    const name = () => { document.title = [main.current.querySelector("h1")?.textContent, "lossfit"].filter(Boolean).join(" · "); };
    const watch = new MutationObserver(name);
    watch.observe(main.current, { childList: true, subtree: true, characterData: true });
    name();
    return () => watch.disconnect();
  }, []);
  const link = ([path, text]) => html`<li key=${path}><a href="#${path}" aria-current=${at.entry === path ? "page" : null}>${text}</a></li>`;
  const skip = (event) => { event.preventDefault(); main.current.focus(); };
  return html`
    <a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header>
      <a class="brand" href="#"><img src="page/icon.svg" alt="" width="24" height="24" />lossfit</a>
      <nav aria-label="Main"><ul>${ENTRIES.map(link)}<li><a href="docs">REST</a></li></ul></nav>
      <a class="button primary" href="#new/searches" aria-current=${at.entry === "new" ? "page" : null}>New</a>
    </header>
    <main id="main" tabindex="-1" ref=${main}>
      ${locked
        ? html`<${Token} done=${() => { setLocked(false); setRound(round + 1); }} />`
        : html`<${at.screen} key="${at.path}?${at.query}#${round}" path=${at.path} parts=${at.parts} query=${at.query} />`}
    </main>`;
}

render(html`<${App} />`, document.getElementById("app"));
