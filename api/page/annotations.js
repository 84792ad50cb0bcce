// What people write to jobs and losses: tags and a note, and the form for them.

import { html, useRef, useState } from "./vendor/preact-htm.js";
import { Action } from "./parts.js";
import { send } from "./service.js";

// Tags, each a way to the others of a list that have it.
export const Tags = ({ tags, list = "jobs" }) => tags.map((tag) => html`<a key=${tag} class="tag" href="#${list}?tag=${tag}">${tag}</a> `);

// Which tag a list is held to, and the way out.
export const OfTag = ({ tag, list = "jobs" }) => tag && html`<span>Tag <strong>${tag}</strong> <a href="#${list}">every tag</a></span>`;

// A button that opens a form; `children` gets a function that closes it.
export function Menu({ title, children }) {
  const menu = useRef(null);
  return html`<details class="menu" ref=${menu}><summary class="button">${title}</summary><div>${children(() => { menu.current.open = false; })}</div></details>`;
}

// The form of tags and note; what it keeps is sent to `path`.
export function Annotate({ path, tags: before, note: told, again }) {
  const [tags, setTags] = useState(before.join(" "));
  const [note, setNote] = useState(told);
  const write = async () => {
    await send(path, { note, tags: tags.split(/[\s,]+/).filter(Boolean) });
    again();
  };
  return html`<${Menu} title="Tags and note">${(close) => html`
    <label>Tags, separated by blanks <input value=${tags} placeholder="baseline lens-1" onInput=${(event) => setTags(event.target.value)} /></label>
    <label>Note <textarea rows="4" maxlength="2000" value=${note} onInput=${(event) => setNote(event.target.value)}></textarea></label>
    <${Action} act=${async () => { await write(); close(); }} kind="primary">Keep<//>`}<//>`;
}
