// Tables: sorted by a click on a column's title, filtered by row and by arm, with columns that can be hidden.
const SCALES = { K: 1e3, M: 1e6, B: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, s: 1, min: 60, h: 3600 };
const NUMBER = /^[^\p{L}\p{N}+-]*([-+]?\d[\d.]*(?:e[-+]?\d+)?)\s?(K|M|B|KiB|MiB|GiB|min|s|h)?(?=$|[\s,;:[(%/*×…–])/u;

// The number that a cell begins with, after its mark; null where there is none.
function numberOf(text) {
  const plain = text.trim().replaceAll("−", "-").replace(/(\d),(?=\d{3})/g, "$1");
  const found = NUMBER.exec(plain);
  if (!found) return null;
  const rest = /^\s(\d+)\s(min|s)\b/.exec(plain.slice(found[0].length)); // `3 min 32 s`
  return Number(found[1]) * (SCALES[found[2]] ?? 1) + (rest ? Number(rest[1]) * SCALES[rest[2]] : 0);
}

const titles = (table) => all("thead th", table).map((head) => head.textContent.trim());
const armColumn = (table) => titles(table).findIndex((title) => title === "Arm" || title === "Option");

function sortTable(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (!table.dataset.placed) rows.forEach((row, place) => { row.dataset.place = place; });
  table.dataset.placed = "1";
  const texts = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
  const numbers = new Map(rows.map((row) => [row, numberOf(texts.get(row))]));
  const counted = rows.filter((row) => numbers.get(row) !== null).length * 2 >= rows.length;
  const key = (row) => (counted ? numbers.get(row) : texts.get(row) || null);
  const order = (a, b) => (counted ? a - b : a.localeCompare(b, "en", { numeric: true }));
  rows.sort((first, second) => {
    if (!direction) return first.dataset.place - second.dataset.place;
    const [a, b] = [key(first), key(second)];
    if (a === null || b === null) return (a === null) - (b === null); // what is missing comes last, either way
    return direction * order(a, b) || first.dataset.place - second.dataset.place;
  });
  body.append(...rows);
  all("thead th", table).forEach((head, index) => {
    const said = { 1: "ascending", [-1]: "descending" }[index === column ? direction : 0];
    if (said) head.setAttribute("aria-sort", said);
    else head.removeAttribute("aria-sort");
  });
}

function makeSortable(table) {
  all("thead th", table).forEach((head, column) => {
    const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sortTable(table, column, now === "descending" ? 1 : now === "ascending" ? 0 : -1);
    });
    head.replaceChildren(button);
    if (head.title) explainOnFocus(button, head.title);
  });
}

// What a pointer reads as the title's tooltip, keys and fingers get as the plots' tip.
function explainOnFocus(button, meaning) {
  button.addEventListener("focus", () => {
    const place = button.getBoundingClientRect();
    if (button.matches(":focus-visible") || matchMedia("(hover: none)").matches) showTip(meaning, place.left, place.top);
  });
  button.addEventListener("blur", hideTip);
}

function showRows(table) {
  for (const row of table.tBodies[0].rows) {
    row.hidden = row.dataset.armOff === "1" || !matches(row.textContent, table.dataset.typed ?? "");
  }
}

function filterArms(typed) {
  for (const table of all("main table")) {
    const column = armColumn(table);
    if (column < 0) continue;
    for (const row of table.tBodies[0].rows) {
      const arm = row.cells[column].textContent.trim();
      row.dataset.armOff = matches(arm, typed) || arm === "base" || arm.startsWith("base@") ? "" : "1";
    }
    showRows(table);
  }
  for (const group of all(".plot [data-arm]")) {
    group.classList.toggle("off", !armsOf(group).some((arm) => matches(arm, typed)));
  }
}

function columnMenu(table) {
  const boxes = titles(table).map((title, column) => column === 0 ? null : make("label", {},
    make("input", { type: "checkbox", checked: true, onchange: (event) => {
      for (const row of table.rows) row.cells[column].hidden = !event.target.checked;
    } }), ` ${title}`));
  return make("details", { className: "columns" }, make("summary", {}, "Columns"), make("div", {}, ...boxes));
}

function equipTable(table) {
  const rows = table.tBodies[0].rows.length;
  const columns = table.tHead.rows[0].cells.length;
  if (rows > 1) makeSortable(table);
  const filtered = rows >= (armColumn(table) < 0 ? 12 : 6);
  if (!filtered && columns < 6) return;
  const typed = make("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows",
    oninput: (event) => { table.dataset.typed = event.target.value; showRows(table); } });
  table.parentElement.before(make("div", { className: "tools" }, filtered ? typed : null, columns < 4 ? null : columnMenu(table)));
}
