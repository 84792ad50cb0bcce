// Fields of a form, made from the schema of a request. A body holds what the reader has set, and nothing else.

import { html, useState } from "../vendor/preact-htm.js";
import { fields, range, variants } from "../schema.js";
import { plain } from "../parts.js";

// A copy of a body with a value at a path; undefined takes it out, and what is empty then.
export function put(body, [name, ...rest], value) {
  const next = { ...body };
  const inner = rest.length ? put(next[name] ?? {}, rest, value) : value;
  if (inner === undefined || (rest.length && !Object.keys(inner).length)) delete next[name];
  else next[name] = inner;
  return next;
}

const SIMPLE = ["string", "number", "integer"];

const shown = (value) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value));

const numeric = ({ type }) => type === "number" || type === "integer";

function parsed(schema, text) {
  if (text.trim() === "") return undefined;
  if (numeric(schema)) return Number.isNaN(Number(text)) ? text : Number(text);
  if (schema.type === "array" && SIMPLE.includes(schema.items?.type)) {
    const items = text.split(",").map((one) => one.trim()).filter(Boolean);
    return numeric(schema.items) ? items.map((one) => (Number.isNaN(Number(one)) ? one : Number(one))) : items;
  }
  if (schema.type === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // the service says what is wrong with it
  }
}

const hint = ({ about, schema }) => [about, range(schema) && `${range(schema)}.`, schema.default !== undefined && schema.default !== null && typeof schema.default !== "object" && `Default: ${schema.default}.`].filter(Boolean).join(" ");

export function Field({ field, path, value, set, errors, choices = {}, base = null }) {
  const { name, schema } = field;
  const id = `field-${path.join("-")}`;
  const wrong = errors.filter((error) => error.field === path.join(".")).map((error) => error.message);
  const inner = schema.properties ? [schema.title, schema] : null;
  const models = variants(schema);
  if (inner) return html`<${Group} field=${field} path=${path} model=${schema} value=${value} set=${set} errors=${errors} choices=${choices} base=${base} />`;
  if (models) return html`<${OneOf} field=${field} path=${path} models=${models} value=${value} set=${set} errors=${errors} choices=${choices} base=${base} />`;
  const change = (next) => set(path, next);
  const described = { id, "aria-describedby": `${id}-hint`, "aria-invalid": wrong.length ? "true" : null, required: field.required };
  return html`<div class="field">
    <label for=${id}>${plain(name)}${field.required ? html`<span class="quiet"> (needed)</span>` : null}</label>
    <${Widget} schema=${schema} value=${value} base=${base} change=${change} options=${choices[path.join(".")]} described=${described} />
    <p class="hint" id="${id}-hint">${hint(field)}${wrong.map((message) => html`<strong class="wrong"> ${message}</strong>`)}</p>
  </div>`;
}

function Widget({ schema, value, base, change, options, described }) {
  const [text, setText] = useState(shown(value));
  const [seen, setSeen] = useState(value);
  if (seen !== value && JSON.stringify(parsed(schema, text)) !== JSON.stringify(value)) { setSeen(value); setText(shown(value)); }
  const none = base === null || base === undefined ? "" : ` (${shown(base)})`;
  const select = (values) => html`<select ...${described} value=${value === undefined ? "" : String(value)} onChange=${({ target }) => change(target.value === "" ? undefined : schema.type === "boolean" ? target.value === "true" : target.value)}>
    <option value="">${described.required ? "choose one" : `default${none}`}</option>${values.map((one) => html`<option key=${one} value=${String(one)}>${String(one)}</option>`)}</select>`;
  if (schema.type === "boolean") return select([true, false]);
  if (schema.enum) return select(schema.enum);
  const list = options && `${described.id}-list`;
  const type = (event) => { setText(event.target.value); const next = parsed(schema, event.target.value); setSeen(next); change(next); };
  return html`<input ...${described} list=${list} value=${text} inputmode=${numeric(schema) ? "decimal" : null} autocomplete="off" spellcheck=${false} placeholder=${shown(base)} onInput=${type} />
    ${list && html`<datalist id=${list}>${options.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>`}`;
}

const setOf = (value) => value && Object.keys(value).length > 0;

function Group({ field, path, model, value, set, errors, choices, base }) {
  const inside = errors.some((error) => error.field.startsWith(`${path.join(".")}.`));
  return html`<details class="group" open=${inside || undefined}><summary>${plain(field.name)}${setOf(value) ? html` <span class="tag">changed</span>` : null}<span class="hint"> ${field.about}</span></summary>
    <div class="fields">${fields(model).map((one) => html`<${Field} key=${one.name} field=${one} path=${[...path, one.name]} value=${value?.[one.name]} set=${set} errors=${errors} choices=${choices} base=${base?.[one.name] ?? one.schema.default} />`)}</div>
  </details>`;
}

function OneOf({ field, path, models, value, set, errors, choices, base }) {
  const tag = field.schema.discriminator.propertyName;
  const chosen = value?.[tag] ?? base?.[tag];
  const id = `field-${path.join("-")}`;
  const choose = ({ target }) => set(path, target.value === "" ? undefined : { [tag]: target.value });
  const own = models[chosen] ? fields(models[chosen]).filter((one) => one.name !== tag) : [];
  const write = (at, next) => { if (!value?.[tag] && chosen) set([...path, tag], chosen); set(at, next); };
  const from = (one) => (chosen === base?.[tag] ? base?.[one.name] : undefined) ?? one.schema.default;
  return html`<details class="group" open=${field.required || undefined}><summary>${plain(field.name)}${setOf(value) ? html` <span class="tag">changed</span>` : null}<span class="hint"> ${field.about}</span></summary>
    <div class="field"><label for=${id}>${tag}</label><select id=${id} value=${value?.[tag] ?? ""} onChange=${choose}><option value="">${field.required ? "choose one" : `default${base?.[tag] ? ` (${base[tag]})` : ""}`}</option>${Object.keys(models).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></div>
    <div class="fields">${own.map((one) => html`<${Field} key=${`${chosen}.${one.name}`} field=${one} path=${[...path, one.name]} value=${value?.[one.name]} set=${write} errors=${errors} choices=${choices} base=${from(one)} />`)}</div>
  </details>`;
}
