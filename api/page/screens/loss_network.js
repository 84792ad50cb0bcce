// The training of a loss network: how far it is, and what it measured.

import { html } from "../vendor/preact-htm.js";
import { Facts, number, plain } from "../parts.js";
import { Asked, Head, Tail, useJob } from "./job.js";

export function LossNetwork({ path }) {
  const asked = useJob(path);
  const { job } = asked;
  const measures = job?.result?.measures ?? {};
  const facts = Object.fromEntries(Object.entries(measures).map(([name, value]) => [plain(name), typeof value === "number" ? number(value, 4) : String(value)]));
  return html`<${Asked} ...${asked}>${job && html`
    <${Head} path=${path} job=${job} title="Loss network for ${job.request.dataset}" again=${asked.again} doing=${asked.doing} />
    ${Object.keys(facts).length > 0 && html`<section class="card"><h2>Measured on held-out masks</h2><${Facts} facts=${facts} /></section>`}
    <${Tail} path=${path} job=${job} />`}<//>`;
}
