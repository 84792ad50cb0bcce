// What the page asks the service: the REST interface that every client has, with the reader's token.

import { useCallback, useEffect, useRef, useState } from "./vendor/preact-htm.js";

export const OVER = ["succeeded", "failed", "cancelled"];

const listeners = new Set(); // told when the service wants a token

export const onToken = (listener) => { listeners.add(listener); return () => listeners.delete(listener); };

export function setToken(token) {
  if (token) sessionStorage.setItem("token", token);
  else sessionStorage.removeItem("token");
}

export class ServiceError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title ?? "The service gave no answer.");
    this.status = problem.status;
    this.errors = problem.errors ?? [];
  }
}

// One request below /v1; gives the Response, or throws what the service says.
export async function ask(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(`v1/${path}`, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError({ status: 0, detail: "The service does not answer. Is it still running?" });
  }
  if (response.ok) return response;
  if (response.status === 401) listeners.forEach((listener) => listener());
  throw new ServiceError(await response.json().catch(() => ({ status: response.status, title: response.statusText })));
}

export const read = async (path, options) => (await ask(path, options)).json();

export async function send(path, body, headers = {}) {
  const sent = { method: "POST", headers };
  if (body !== undefined) {
    sent.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  return read(path, sent);
}

// All items of a collection of numbered or cursored pages, 500 at a time; `each` gets those of every page.
export async function all(path, options, each = () => {}) {
  const items = [];
  for (let next = null; ;) {
    const after = next === null ? "" : `&after=${encodeURIComponent(next)}`;
    const page = await read(`${path}${path.includes("?") ? "&" : "?"}limit=500${after}`, options);
    items.push(...page.items);
    each(page.items);
    if (page.next === null || page.next === undefined) return items;
    next = page.next;
  }
}

// A file that the reader keeps. Files are fetched by script: a plain link would lack the token.
export const save = async (path, name) => keep(await (await ask(path)).blob(), name);

export function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// The answer to a read, again every `every` milliseconds while that is given: {value, problem, again}.
export function useAnswer(path, { every = 0, get = read } = {}) {
  const [state, setState] = useState({ path: null, value: null, problem: null });
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((number) => number + 1), []);
  useEffect(() => {
    if (!path) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    let timer = null;
    const load = async () => {
      try {
        const value = await get(path, { signal });
        setState({ path, value, problem: null });
      } catch (problem) {
        if (problem.name === "AbortError") return;
        setState((old) => ({ path, value: old.path === path ? old.value : null, problem }));
      }
      if (every && !signal.aborted) timer = setTimeout(load, document.hidden ? every * 5 : every);
    };
    load();
    return () => { controller.abort(); clearTimeout(timer); };
  }, [path, every, round]);
  return state.path === path ? { ...state, again } : { value: null, problem: null, again };
}

// Calls `take(kind, body)` for each event of a job until it is over, also across restarts of the service.
export function useEvents(path, active, take) {
  const taking = useRef(take);
  taking.current = take;
  useEffect(() => {
    if (!active) return undefined;
    const controller = new AbortController();
    follow(path, controller.signal, (kind, body) => taking.current(kind, body));
    return () => controller.abort();
  }, [path, active]);
}

async function follow(path, signal, take) {
  for (let last = 0; !signal.aborted;) {
    try {
      const response = await ask(`${path}/events`, { signal, headers: { "Last-Event-ID": last } });
      if (response.status === 204) return;
      for await (const { id, kind, body } of events(response.body)) {
        last = id;
        take(kind, body);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("data")) yield { id: Number(field("id")), kind: field("event"), body: JSON.parse(field("data")) };
    }
  }
}
