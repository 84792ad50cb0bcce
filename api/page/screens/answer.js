// The answer of a search for one metric: the loss, its lead with intervals, the race, downloads.

import { html } from "../vendor/preact-htm.js";
import { Curves, Intervals } from "../charts.js";
import { Copy, Download, Facts, unit } from "../parts.js";
import { useAnswer } from "../service.js";

const VERDICTS = { better: ["better", "beats the best handmade loss"], tied: ["tied", "not told apart from the best handmade loss"], handmade: ["handmade", "a handmade loss is best"] };

export const Verdict = ({ verdict }) => verdict && html`<span class="verdict ${VERDICTS[verdict][0]}">${VERDICTS[verdict][1]}</span>`;

const signed = (value, factor) => `${value >= 0 ? "+" : "−"}${Math.abs(value * factor).toFixed(1)}`;

export const lead = ({ mean, interval }, factor) => `${signed(mean, factor)}${interval ? ` (${signed(interval[0], factor)} to ${signed(interval[1], factor)})` : ""}`;

const half = (scores) => { // of the plain spread over seeds, drawn beside the points
  const told = scores.filter((score) => score !== null);
  if (told.length < 2) return null;
  const mean = told.reduce((sum, score) => sum + score, 0) / told.length;
  return Math.sqrt(told.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (told.length - 1));
};

const row = (factor) => (entrant) => ({
  name: `${entrant.name}, rate × ${entrant.rate.toPrecision(3)}`,
  values: entrant.scores.filter((score) => score !== null).map((score) => score * factor),
  mean: entrant.mean * factor,
  half: (half(entrant.scores) ?? 0) * factor,
  mark: entrant.winner ? "best" : entrant.rival ? "rival" : "",
  note: `${(entrant.mean * factor).toFixed(1)}${entrant.winner ? "" : entrant.lead ? ` · winner's lead ${lead(entrant.lead, factor)}` : ""}`,
});

export function Downloads({ loss, children }) {
  const query = `losses/${loss.name}/download?version=${loss.version}`;
  const file = loss.name.replaceAll(/[-.]/g, "_");
  return html`<div class="actions">
    <${Download} kind="primary" path=${query} name="${loss.name}.json">Download as JSON<//>
    <${Download} path="${query}&format=python" name="${file}.py">as one Python file<//>
    <a class="button" href="#new/retrainings?loss=${loss.name}">Train with it</a>
    <a class="button" href="#new/comparisons?losses=${loss.name},cross-entropy">Compare it</a>
    ${children}
  </div>`;
}

export const snippet = (loss) => `from lossfit import load_loss

# logits (N, C, H, W), target (N, H, W), 255 = void
loss = load_loss("${loss}.json", num_classes=...)
loss(logits, target).backward()`;

export function Answer({ answer, holdOut }) {
  const { value: loss } = useAnswer(`losses/${answer.loss}?version=${answer.version}`);
  const raced = answer.entrants.filter((entrant) => entrant.mean !== null);
  const facts = { ...(!answer.facts["hold-out sets"] && { "hold-out set": holdOut }), ...answer.facts };
  const winner = raced.find((entrant) => entrant.winner);
  return html`<section class="card answer">
    <p class="line"><span class="quiet">The loss for ${answer.title}</span> <${Verdict} verdict=${answer.verdict} /></p>
    <h2><a href="#zoo/${answer.loss}">${answer.loss}</a> <span class="quiet">version ${answer.version}${winner ? `: ${winner.name}` : ""}</span></h2>
    <p class="lead">${answer.sentence}</p>
    ${loss && html`<${Downloads} loss=${loss} />`}
    <div class="columns">
      <div>
        ${raced.length > 0 && html`<${Intervals} rows=${raced.map(row(answer.factor))} unit=${unit(answer.title, answer.factor)}
          label="Race in ${answer.title}: points are fresh seeds, the bar is one standard deviation. Leads have ${((answer.level ?? 0.95) * 100).toFixed(1)}% intervals of the paired differences." />`}
        ${loss && Object.keys(loss.curves).length > 0 && html`<${Curves} curves=${loss.curves} />`}
      </div>
      <div>
        <${Facts} facts=${facts} />
        <${Copy} label="In your own training" text=${snippet(answer.loss)} />
      </div>
    </div>
  </section>`;
}
