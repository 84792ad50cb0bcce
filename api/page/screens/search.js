// A search: first its answer, then its trials while they come and afterwards, figures, files.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Action, Choice, Loading, Picture, Problem, plain } from "../parts.js";
import { OVER, all, read, send, useAnswer } from "../service.js";
import { Answer, Verdict } from "./answer.js";
import { Asked, Head, Tail, useJob } from "./job.js";
import { isReport } from "./report.js";
import { Coordinates, Scores, Trials } from "./trials.js";

export function Search({ path }) {
  const [trials, arrived, problem] = useTrials(path);
  const asked = useJob(path, (kind, body) => { if (kind === "trial") arrived(body.number); });
  return html`<${Asked} path=${path} ...${asked}>${asked.job && html`<${Found} path=${path} ...${asked} trials=${trials} trialProblem=${problem} />`}<//>`;
}

// All trials, and a function that reads one that has just been recorded.
function useTrials(path) {
  const [trials, setTrials] = useState([]);
  const [problem, setProblem] = useState(null);
  const add = (found) => setTrials((old) => {
    const known = new Map(old.map((trial) => [trial.number, trial]));
    found.forEach((trial) => known.set(trial.number, trial));
    return known.size === old.length ? old : [...known.values()];
  });
  useEffect(() => {
    const controller = new AbortController();
    all(`${path}/trials`, { signal: controller.signal }, add).catch((error) => error.name === "AbortError" || setProblem(error));
    return () => controller.abort();
  }, [path]);
  const known = new Set(trials.map((trial) => trial.number));
  const arrived = (number) => {
    if (known.has(number)) return;
    const after = number > 0 ? `&after=${number - 1}` : "";
    read(`${path}/trials?limit=1${after}`).then((page) => add(page.items)).catch(() => {}); // the next event tells again
  };
  return [trials, arrived, problem];
}

function Found({ path, job, again, doing, trials, trialProblem }) {
  const [metric, setMetric] = useState(null);
  const [chosen, choose] = useState(null);
  const [only, setOnly] = useState(null); // the trials that are marked among their parameters
  const over = OVER.includes(job.state);
  const answers = useAnswer(job.state === "succeeded" ? `${path}/answers` : null).value?.items ?? [];
  const files = useAnswer(over ? `${path}/artifacts` : null).value?.items ?? [];
  const several = job.request.metrics?.length > 1;
  const told = several ? `mean of ${job.request.metrics.length} metrics` : job.about.replace(` on ${job.request.dataset}`, "");
  const { higher_is_better: higher, factor } = job.progress;
  const shown = answers.find((answer) => answer.metric === metric) ?? answers[0];
  const pick = (number) => { choose(number); document.getElementById("trials")?.scrollIntoView({ block: "start" }); };
  return html`
    <${Head} path=${path} job=${job} title="Search: ${job.about}" again=${again} doing=${doing}>
      ${isReport(files) && html`<a class="button" href="#${path}/report">Report</a>`}
      ${job.state === "succeeded" && html`<${Extend} path=${path} again=${again} />`}
    <//>
    ${answers.length > 1 && html`<${Overview} answers=${answers} choose=${setMetric} />
      <${Choice} label="Metric" value=${shown.metric} options=${answers.map((answer) => [answer.metric, answer.title])} choose=${setMetric} />`}
    ${shown && html`<${Answer} key=${shown.metric} answer=${shown} holdOut=${job.result.hold_out} />`}
    ${!over && html`<${Sofar} job=${job} trials=${trials} />`}
    <${Problem} problem=${trialProblem} />
    ${trials.length > 0 && html`
      <${Scores} trials=${trials} title=${told} higher=${higher} factor=${factor} pick=${pick} />
      <${Coordinates} trials=${trials} title=${told} higher=${higher} factor=${factor} choose=${setOnly} />
      <${Trials} path=${path} trials=${trials} only=${only} title="Score" higher=${higher} factor=${factor} publishable=${over} chosen=${chosen} choose=${choose} />`}
    <${Figures} path=${path} files=${files} />
    <${Tail} path=${path} job=${job} files=${over ? files : []} />`;
}

function Sofar({ job, trials }) {
  const { best_score: best, factor, failed, rejected, stopped, evaluations } = job.progress;
  if (!trials.length && job.progress.done > 0) return html`<${Loading} />`;
  if (!trials.length) return html`<section class="card"><h2>No trial has been scored yet</h2><p class="quiet">The first appear here as soon as they are trained. The page may be closed; the search goes on.</p></section>`;
  const ended = Object.entries({ failed, rejected, stopped }).filter(([, count]) => count).map(([how, count]) => `${count} ${how}`);
  return html`<section class="card"><h2>So far</h2>
    <p>The best score of a trial is <strong>${typeof best === "number" ? (best * factor).toFixed(2) : "–"}</strong> on the hold-out set${ended.length ? ` (${ended.join(", ")})` : ""}. It is the luckiest of ${trials.length}: what is published is decided by the race with fresh seeds at the end.${evaluations > 0 ? ` Beside the trials, ${evaluations} trainings are recorded: rungs on the way, and the race.` : ""}</p>
  </section>`;
}

const Overview = ({ answers, choose }) => html`<section class="card"><h2>Answers</h2>
  <div class="scroll" tabindex="0" role="region" aria-label="Answers"><table class="answers">
    <thead><tr><th scope="col">Metric</th><th scope="col">Loss to use</th><th scope="col">How sure</th><th scope="col">What the race says</th></tr></thead>
    <tbody>${answers.map((answer) => html`<tr key=${answer.metric}>
      <td><button type="button" class="link" onClick=${() => choose(answer.metric)}>${answer.title}</button></td>
      <td><a href="#zoo/${answer.loss}">${answer.loss}</a></td>
      <td><${Verdict} verdict=${answer.verdict} /></td>
      <td>${answer.sentence}</td></tr>`)}</tbody>
  </table></div>
</section>`;

function Extend({ path, again }) {
  const [trials, setTrials] = useState(16);
  const extend = async () => { await send(`${path}/extend`, { trials }); again(); };
  return html`<details class="menu"><summary class="button">Extend</summary><div>
    <label>Trials more <input type="number" min="1" value=${trials} onInput=${(event) => setTrials(Number(event.target.value))} /></label>
    <${Action} act=${extend} kind="primary">Go on<//>
  </div></details>`;
}

// What the figures of a search are called.
const TITLES = { race: "The race", scores: "Scores", kinds: "Kinds of losses", curves: "Curves", surface: "Around the best", importance: "What matters", "trade-off": "Trade-off between metrics" };

function Figures({ path, files }) {
  const pictures = files.filter((file) => file.media_type === "image/png");
  if (!pictures.length) return null;
  return html`<section class="card"><h2>Figures</h2><div class="pictures">
    ${pictures.map(({ name }) => {
      const stem = name.replace(".png", "");
      return html`<figure key=${name}><${Picture} figure path="${path}/artifacts/${name}" alt="Figure: ${TITLES[stem] ?? plain(stem)}" /><figcaption>${TITLES[stem] ?? plain(stem)}</figcaption></figure>`;
    })}
  </div></section>`;
}
