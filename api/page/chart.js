// Score against trial as an SVG: trials, means of the generations, the best so far.

const WIDTH = 640;
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, WIDTH - 8, 12, HEIGHT - 38];

const svg = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

// Round numbers that cut [low, high] into about `count` parts.
export function ticks(low, high, count, least = 0) {
  const rough = Math.max((high - low) / count, least, 1e-9);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough * (1 - 1e-9));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(i * step);
  return found;
}

// Mean score of every generation, a failed trial counted as its worst; as the samplers do.
export function means(trials, higher = true) {
  const generations = Map.groupBy(trials, (trial) => trial.generation);
  return [...generations.values()].flatMap((members) => {
    const scores = members.map((trial) => trial.score).filter((score) => score !== null);
    if (!scores.length) return [];
    const worst = (higher ? Math.min : Math.max)(...scores);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return [{
      number: mean(members.map((trial) => trial.number)),
      score: mean(members.map((trial) => trial.score ?? worst)),
    }];
  });
}

// Draw into an <svg> element; trials are {number, generation, score}, the score null where there is none;
// whether a higher score is better.
export function draw(place, trials, higher = true) {
  const all = [...trials].sort((a, b) => a.number - b.number);
  const scored = all.filter((trial) => trial.score !== null);
  const last = Math.max(...all.map((trial) => trial.number), 4);
  const scores = scored.map((trial) => trial.score);
  let [low, high] = scores.length ? [Math.min(...scores), Math.max(...scores)] : [0, 1];
  const margin = Math.max((high - low) * 0.06, 0.002);
  [low, high] = [low - margin, high + margin];
  const x = (number) => LEFT + 8 + (number / last) * (RIGHT - LEFT - 16);
  const y = (score) => BOTTOM - ((score - low) / (high - low)) * (BOTTOM - TOP);
  const line = (points) => points.map(({ number, score }) => `${x(number).toFixed(1)},${y(score).toFixed(1)}`).join(" ");
  const dot = (trial) => {
    const made = svg("circle", { class: "trial", cx: x(trial.number), cy: y(trial.score), r: scored.length > 150 ? 2 : 3.5 });
    made.append(svg("title", {}, `trial ${trial.number}, generation ${trial.generation}: ${trial.score.toFixed(4)}`));
    return made;
  };
  place.replaceChildren(
    ...axes(x, y, [low, high], last),
    svg("polyline", { class: "best", points: line(steps(scored, higher)) }),
    ...scored.map(dot),
    ...all.filter((trial) => trial.score === null).map((trial) => cross(x(trial.number), BOTTOM - 5, trial)),
    svg("polyline", { class: "mean", points: line(means(all, higher)) }),
    ...means(all, higher).map((mean) => svg("circle", { class: "mean", cx: x(mean.number), cy: y(mean.score), r: 4 })),
  );
  place.setAttribute("aria-label", summary(all, scored, higher));
}

function axes(x, y, [low, high], last) {
  const rows = ticks(low, high, 5);
  const digits = rows.length > 1 ? Math.max(0, Math.ceil(-Math.log10(rows[1] - rows[0]) - 1e-9)) : 3;
  return [
    ...rows.flatMap((score) => [
      svg("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: y(score), y2: y(score) }),
      svg("text", { x: LEFT - 6, y: y(score) + 4, "text-anchor": "end" }, score.toFixed(digits)),
    ]),
    ...ticks(0, last, 8, 1).map((number) => svg("text", { x: x(number), y: BOTTOM + 16, "text-anchor": "middle" }, number)),
    svg("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 32, "text-anchor": "middle" }, "trial"),
  ];
}

function cross(x, y, trial) {
  const made = svg("path", { class: "failed", d: `M${x - 4},${y - 4}l8,8m0,-8l-8,8` });
  made.append(svg("title", {}, `trial ${trial.number}, generation ${trial.generation}: no score`));
  return made;
}

// The best score so far, level from one improvement to the next.
function steps(scored, higher) {
  const better = higher ? Math.max : Math.min;
  const corners = [];
  let best = higher ? -Infinity : Infinity;
  for (const { number, score } of scored) {
    if (corners.length) corners.push({ number, score: best });
    best = better(best, score);
    corners.push({ number, score: best });
  }
  return corners;
}

function summary(all, scored, higher) {
  const better = higher ? Math.max : Math.min;
  const best = scored.length ? `, the best score ${better(...scored.map((trial) => trial.score)).toFixed(4)}` : "";
  return `Score against trial: ${all.length} trials, ${all.length - scored.length} without a score${best}`;
}
