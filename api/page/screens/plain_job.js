// Jobs that need no screen of their own: the training of a loss network, the registration of a dataset.

import { html } from "../vendor/preact-htm.js";
import { Facts, capital, number, plain } from "../parts.js";
import { Asked, Head, Tail, useJob } from "./job.js";

export function PlainJob({ path }) {
  const asked = useJob(path);
  const { job } = asked;
  const measures = job?.result?.measures ?? {};
  const facts = Object.fromEntries(Object.entries(measures).map(([name, value]) => [plain(name), typeof value === "number" ? number(value, 4) : String(value)]));
  return html`<${Asked} ...${asked}>${job && html`
    <${Head} path=${path} job=${job} title="${capital(plain(job.kind))}: ${job.about}" again=${asked.again} doing=${asked.doing}>
      ${job.result?.dataset && html`<a class="button primary" href="#datasets/${job.result.dataset}">The dataset</a>`}
    <//>
    ${job.state === "succeeded" && job.headline && html`<p class="lead">${job.headline}</p>`}
    ${Object.keys(facts).length > 0 && html`<section class="card"><h2>Measured on held-out masks</h2><${Facts} facts=${facts} /></section>`}
    <${Tail} path=${path} job=${job} />`}<//>`;
}
