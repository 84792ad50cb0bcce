// What a report does beside being read: tables sort by their headings, losses are switched on and off, pictures grow.
const numbered = (text) => { const found = parseFloat(text.replace("+", "").replace("\u2212", "-")); return Number.isNaN(found) ? null : found; };
const before = (a, b) => (a === null || b === null ? (a === null) - (b === null) : typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

function sort(table, place) {
  const heading = table.tHead.rows[0].cells[place];
  const down = heading.getAttribute("aria-sort") !== "descending";
  for (const cell of table.tHead.rows[0].cells) cell.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => { const text = row.cells[place].textContent.trim(); return text === "" ? null : numbered(text) ?? text; };
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    return one === null || other === null || !down ? before(one, other) : before(other, one);
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.numbers")) {
  if (!table.tHead) continue;
  [...table.tHead.rows[0].cells].forEach((cell, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    button.addEventListener("click", () => sort(table, place));
    cell.append(button);
  });
}

for (const choice of document.querySelectorAll("[data-switch]")) {
  choice.addEventListener("change", () => {
    for (const one of document.querySelectorAll("[data-loss]")) if (one.dataset.loss === choice.value) one.hidden = !choice.checked;
  });
}

for (const picture of document.querySelectorAll(".gallery figure")) {
  picture.tabIndex = 0;
  picture.title = "Larger, smaller";
  const turn = () => picture.classList.toggle("large");
  picture.addEventListener("click", turn);
  picture.addEventListener("keydown", (event) => { if (event.key === "Enter") turn(); });
}
