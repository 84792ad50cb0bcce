// A job's report in the page. The file is fetched with the token and handed to a sandboxed frame.

import { html, useRef } from "../vendor/preact-htm.js";
import { Download, Loading, Problem, short } from "../parts.js";
import { ask, useAnswer } from "../service.js";

const FILE = "report.html";
const CALLED = { searches: "search", comparisons: "comparison" };

const text = async (path, options) => (await ask(path, options)).text();

export const isReport = (files) => files.some(({ name }) => name === FILE);

export function Report({ path }) {
  const job = path.replace(/\/report$/, "");
  const { value, problem } = useAnswer(`${job}/artifacts/${FILE}`, { get: text });
  const frame = useRef(null);
  const hand = () => frame.current.contentWindow.postMessage({ report: value }, "*");
  const [kind, id] = job.split("/");
  return html`<div class="reading">
    <div class="line"><h1>Report</h1><span class="crumbs">of <a href="#${job}">${CALLED[kind]} ${short(id)}</a></span>
      <button type="button" disabled=${!value} onClick=${() => frame.current.contentWindow.postMessage({ print: true }, "*")}>Print</button>
      <${Download} path="${job}/artifacts/${FILE}" name=${FILE}>Download<//></div>
    <${Problem} problem=${problem} />
    ${!value && !problem && html`<${Loading} />`}
    ${value && html`<iframe ref=${frame} title="Report" src="page/reader.html" onLoad=${hand} sandbox="allow-scripts allow-modals"></iframe>`}
  </div>`;
}
