// Predictions of a comparison side by side: one image large, with a slider between two pictures of it.

import { html, useState } from "../vendor/preact-htm.js";
import { Picture } from "../parts.js";
import { useAnswer } from "../service.js";

const FILE = "gallery.json";

export function Gallery({ path, files, losses }) {
  const there = files.some((file) => file.name === FILE);
  const { value } = useAnswer(there ? `${path}/artifacts/${FILE}` : null);
  const [number, setNumber] = useState(0);
  if (!value?.images.length) return null;
  const image = value.images[number];
  const address = (file) => `${path}/artifacts/gallery-${file}`;
  return html`<section class="card"><h2>Predictions</h2>
    <p class="quiet">Images that the networks disagree about most. Slide between two pictures of the same image.</p>
    <div class="filters"><label>Image <select value=${number} onChange=${(event) => setNumber(Number(event.target.value))}>
      ${value.images.map((one, index) => html`<option key=${one.name} value=${index}>${one.name} (${(one.disagreement * 100).toFixed(0)}% disagreement)</option>`)}
    </select></label></div>
    <${Slider} key=${image.name} image=${image} address=${address} losses=${losses} />
    <div class="legend">${Object.entries(value.colours).map(([name, colour]) => html`<span key=${name}><i style=${{ background: colour }}></i>${name}</span>`)}</div>
    <div class="tiles">
      ${[["image", image.image], ["truth", image.truth], ...losses.filter((loss) => image.predictions[loss]).map((loss) => [loss, image.predictions[loss]])].map(([name, file]) => html`<figure key=${name}><${Picture} path=${address(file)} alt="${name} of ${image.name}" class="pixels" /><figcaption>${name}</figcaption></figure>`)}
    </div>
  </section>`;
}

function Slider({ image, address, losses }) {
  const pictures = { image: image.image, truth: image.truth, ...Object.fromEntries(losses.filter((loss) => image.predictions[loss]).flatMap((loss) => [[loss, image.predictions[loss]], [`errors of ${loss}`, image.errors[loss]]])) };
  const names = Object.keys(pictures);
  const [left, setLeft] = useState("truth");
  const [right, setRight] = useState(names[2] ?? "image");
  const [at, setAt] = useState(50);
  const select = (label, value, set) => html`<label>${label} <select value=${value} onChange=${(event) => set(event.target.value)}>${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`;
  const clip = (from, to) => ({ clipPath: `inset(0 ${100 - to}% 0 ${from}%)` });
  return html`<div class="slider">
    <div class="filters">${select("Left", left, setLeft)} ${select("Right", right, setRight)}</div>
    <div class="stage">
      <${Picture} path=${address(pictures[right] ?? image.image)} alt="${right} of ${image.name}" class="pixels" />
      <div class="over" style=${clip(0, at)}><${Picture} path=${address(pictures[left] ?? image.truth)} alt="${left} of ${image.name}" class="pixels" /></div>
      <span class="edge" style=${{ left: `${at}%` }}></span>
    </div>
    <input type="range" min="0" max="100" value=${at} aria-label="How much of the left picture is shown" onInput=${(event) => setAt(Number(event.target.value))} />
  </div>`;
}
