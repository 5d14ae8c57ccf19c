// From a cell to its examples: prompt, expected answer, the answers of two subjects with their differences, flips.
const PAGE = 25;
const SHOW = {
  all: "all examples", gained: "better than the other", lost: "worse than the other", right: "both right",
  wrong: "both wrong", unscored: "not scored",
};
const WITH_CONTROLS = "base and controls";
let bench = null; // the data, once it is unpacked
let origin = null; // the cell to go back to
let asked = null; // eval, arm and reference of the first claim
const pane = { shown: 0, listed: [] };

async function unpack() {
  const packed = find("#data");
  if (!packed) return null;
  const letters = atob(packed.textContent.trim());
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
  packed.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const text = (place) => (place < 0 ? null : bench.texts[place]);
const evalOf = (name) => bench.evals.find((entry) => entry.name === name);
const armAt = (name) => bench.arms.indexOf(name);
const referenceOf = (arm) => bench.bases[arm] ?? bench.arms[armAt(arm) === 0 ? 1 : 0] ?? arm;

// Mean over the seeds that have a score; null without one.
function score(entry, arm, example) {
  const seeds = entry.scores[armAt(arm)].map((seed) => seed?.[example] ?? null).filter((value) => value !== null);
  return seeds.length ? seeds.reduce((sum, value) => sum + value, 0) / seeds.length : null;
}

function mark(entry, value) {
  if (value === null) return "–";
  if (!entry.binary) return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
  return value === 1 ? "✓" : value === 0 ? "✗" : `${Math.round(value * 100)}% ✓`;
}

function compared(entry, arm, reference) {
  return entry.ids.map((id, example) => {
    const [a, b] = [score(entry, arm, example), score(entry, reference, example)];
    const ahead = a === null || b === null ? null : (a - b) * (entry.higher ? 1 : -1);
    const kind = ahead === null ? "unscored" : ahead > 0 ? "gained" : ahead < 0 ? "lost"
      : !entry.binary ? "same" : a === 1 ? "right" : a === 0 ? "wrong" : "same";
    return { id, example, a, b, ahead, kind };
  });
}

// Differences of an arm on an eval. A search through all of them for each cell would be quadratic with many arms.
function differencesOf(name, arm) {
  if (!bench.byCell) {
    bench.byCell = {};
    for (const entry of bench.differences) (bench.byCell[`${entry[0]}\n${entry[1]}`] ??= []).push(entry);
  }
  return bench.byCell[`${name}\n${arm}`] ?? [];
}

const computed = (name, arm, reference) => differencesOf(name, arm).find(([, , r]) => r === reference);
const controlOf = (name, arm) =>
  differencesOf(name, arm).find(([, , r, , family]) => r !== bench.bases[arm] && family === WITH_CONTROLS)?.[2];

// The examples behind a reading: the lost ones where the arm is worse, the gained ones where it is better.
function behind(name, arm, reference) {
  return { better: "gained", "maybe better": "gained", worse: "lost", "maybe worse": "lost" }[computed(name, arm, reference)?.[5]] ?? "all";
}

function differenceOf(entry, arm, reference) {
  const found = computed(entry.name, arm, reference) ?? computed(entry.name, reference, arm);
  if (!found) return "This pair was not computed: the report has base and controls, and all pairs of at most ten arms.";
  const [, left, right, said, family] = found;
  return `${left} − ${right}: ${said}${said.includes(", p ") ? ` (against zero; Holm over ${family})` : ""}`;
}

function searched(entry, row, typed) {
  if (!typed) return true;
  const outputs = [pane.arm.value, pane.reference.value].flatMap((arm) =>
    entry.outputs[armAt(arm)].map((seed) => (seed ? text(seed[row.example]) : "")));
  return matches([row.id, text(entry.questions[row.example]), text(entry.targets[row.example]), ...outputs].join(" "), typed);
}

// The address names what is shown, so that it can be sent; a page inside another one may not have its own.
function address(hash) {
  try {
    history.replaceState(null, "", hash);
  } catch (error) {
    if (error.name !== "SecurityError") throw error;
  }
}

function refresh() {
  const entry = evalOf(pane.eval.value);
  const [arm, reference, show] = [pane.arm.value, pane.reference.value, pane.show.value];
  const rows = compared(entry, arm, reference);
  const count = (kind) => rows.filter((row) => row.kind === kind).length;
  pane.listed = rows.filter((row) => (show === "all" || row.kind === show) && searched(entry, row, pane.search.value));
  if (show === "gained" || show === "lost") pane.listed.sort((x, y) => Math.abs(y.ahead) - Math.abs(x.ahead));
  const part = entry.total > entry.ids.length
    ? ` This page has ${entry.ids.length.toLocaleString("en")} of ${entry.total.toLocaleString("en")} examples, drawn by the run's digest; all are in the run's scores/ folder.` : "";
  pane.says.textContent = differenceOf(entry, arm, reference);
  const always = (a, b) => !entry.binary ? "" : ` (${rows.filter((row) => row.a === a && row.b === b).length} with every seed)`;
  const unscored = count("unscored") ? ` (${count("unscored")} more are not scored)` : "";
  pane.counts.textContent = `${arm} is better on ${count("gained")}${always(1, 0)}, worse on ${count("lost")}${always(0, 1)} of ${rows.length - count("unscored")} examples${unscored}, averaged over its seeds; ${pane.listed.length} listed.${part}`;
  pane.key.textContent = `Before the arrow: ${reference}; after it: ${arm}.${entry.binary ? " ✓ right, ✗ wrong." : ""} Shaded: words that the other answer has not.`;
  pane.list.replaceChildren();
  pane.shown = 0;
  more();
  address(`#examples=${[entry.name, arm, reference, show].map(encodeURIComponent).join("|")}`);
}

function more() {
  const entry = evalOf(pane.eval.value);
  pane.list.append(...pane.listed.slice(pane.shown, pane.shown + PAGE).map((row) => item(entry, row)));
  pane.shown += PAGE;
  pane.more.hidden = pane.shown >= pane.listed.length;
}

// The first line and the last that says more than what is to follow, such as "Answer:", without a template's signs.
function heading(question) {
  const lines = question.replace(/<\|[^|>]*\|>(system|user|assistant)?/g, "\n").split("\n").map((line) => line.trim()).filter(Boolean);
  const said = lines.filter((line) => !/^(\S+ ){0,2}\S*:$/.test(line));
  const [first, last] = [(said[0] ?? lines[0] ?? ""), said.length > 1 ? said[said.length - 1] : ""];
  return last ? `${first.length > 60 ? `${first.slice(0, 60)} …` : first} / ${last.slice(0, 100)}` : first.slice(0, 160);
}

function item(entry, row) {
  const details = make("details", { className: "example" }, make("summary", {},
    make("span", { className: `flip ${row.kind}` }, `${mark(entry, row.b)} → ${mark(entry, row.a)}`), " ",
    heading(text(entry.questions[row.example])) || row.id));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(body(entry, row));
  });
  return details;
}

// The different answers of a subject's seeds, each with its seeds and their scores.
function answers(entry, arm, example) {
  const said = new Map();
  entry.outputs[armAt(arm)].forEach((seed, number) => {
    const answer = seed ? text(seed[example]) : null;
    const value = entry.scores[armAt(arm)][number]?.[example] ?? null;
    const seeds = said.get(answer) ?? [];
    seeds.push(entry.outputs[armAt(arm)].length > 1 ? `#${bench.seeds[arm][number]} ${mark(entry, value)}` : mark(entry, value));
    said.set(answer, seeds);
  });
  return [...said].sort((x, y) => y[1].length - x[1].length);
}

// Where no subject wrote or chose anything, the expected text was scored.
function withoutText(entry) {
  const silent = entry.outputs.every((seeds) => seeds.every((seed) => !seed || seed.every((at) => text(at) === null)));
  return silent ? "no text: the likelihood of the expected text decides" : "no text recorded";
}

// What the subjects chose from, the expected one marked.
function optionsOf(entry, example, target) {
  const options = (entry.options[example] ?? []).map(text);
  if (!options.length) return [];
  const right = target?.split(" | ") ?? [];
  return [make("h4", {}, "Options"), make("ul", { className: "options" },
    ...options.map((option) => make("li", {}, right.includes(option) ? `${option} ✓` : option)))];
}

function body(entry, row) {
  const [arm, reference] = [pane.arm.value, pane.reference.value];
  const mine = answers(entry, arm, row.example);
  const theirs = answers(entry, reference, row.example);
  const column = (name, said, other, tag) => make("div", {}, make("h4", {}, name),
    ...said.map(([answer, seeds]) => make("div", {}, make("p", { className: "muted" }, seeds.join(" · ")),
      answer === null ? make("p", { className: "muted" }, withoutText(entry)) : marked(answer, other?.[0]?.[0] ?? null, tag))));
  const target = text(entry.targets[row.example]);
  const everyone = make("button", { type: "button", onclick: () => everyone.replaceWith(everybody(entry, row)) }, "Every arm's answer");
  return make("div", { className: "body" },
    make("h4", {}, `Prompt (${[entry.tasks[row.example], row.id].filter(Boolean).join(", ")})`),
    make("pre", { className: "text", tabIndex: 0 }, text(entry.questions[row.example])),
    target === null ? null : make("h4", {}, "Expected"), target === null ? null : make("pre", { className: "text", tabIndex: 0 }, target),
    ...optionsOf(entry, row.example, target),
    make("div", { className: "pair" }, column(reference, theirs, mine, "del"), column(arm, mine, theirs, "ins")), everyone);
}

function everybody(entry, row) {
  const rows = bench.arms.map((arm) => answers(entry, arm, row.example).map(([answer, seeds]) =>
    make("tr", {}, make("th", { scope: "row" }, arm), make("td", {}, seeds.join(" · ")), make("td", {}, answer ?? "–")))).flat();
  const head = ["Arm", "Score", "Answer"].map((title) => make("th", { scope: "col" }, title));
  return make("div", { className: "wide", tabIndex: 0 }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

function buildPane() {
  const select = (options) => make("select", { onchange: refresh }, ...options);
  const arms = () => bench.arms.map((name) => option(name));
  Object.assign(pane, {
    eval: select(bench.evals.map((entry) => option(entry.name))), arm: select(arms()), reference: select(arms()),
    show: select(Object.entries(SHOW).map(([value, said]) => option(value, said))),
    search: make("input", { type: "search", oninput: refresh }), says: make("p", { className: "strong" }),
    counts: make("p", { role: "status" }), key: make("p", { className: "muted" }), list: make("div", {}),
    more: make("button", { type: "button", onclick: more }, "More"),
  });
  pane.root = make("section", { id: "examples", tabIndex: -1, hidden: true, "aria-labelledby": "examples-title" },
    make("h2", { id: "examples-title" }, "Examples"),
    make("div", { className: "controls" }, field("Eval", pane.eval), field("Arm", pane.arm), field("Against", pane.reference),
      field("Show", pane.show), field("Search", pane.search), make("button", { type: "button", onclick: closePane }, "Back")),
    pane.says, pane.counts, pane.key, pane.list, pane.more);
  find("main").append(pane.root);
}

function openPane(name, arm, reference, show, from) {
  origin = from ?? document.activeElement;
  pane.eval.value = name;
  pane.arm.value = arm;
  pane.reference.value = reference ?? referenceOf(arm);
  pane.show.value = show ?? "all";
  pane.search.value = "";
  pane.root.hidden = false;
  refresh();
  pane.root.scrollIntoView();
  pane.root.focus({ preventScroll: true });
}

// What the first claim asks about, or else the first arm beside its base.
function openFirst(from) {
  const [name, arm, reference] = asked ?? [bench.evals[0].name, bench.arms[Math.min(1, bench.arms.length - 1)], null];
  openPane(name, arm, reference, "all", from);
}

function closePane() {
  pane.root.hidden = true;
  address("#");
  origin?.focus();
  origin?.scrollIntoView({ block: "center" });
}

// A cell of an arm's row becomes a button that leads to its examples.
function leadTo(cell, name, arm, show, reference) {
  const which = show && show !== "all" ? `, ${SHOW[show]}` : "";
  const button = make("button", { type: "button", className: "cell", title: `Examples: ${arm} on ${name}${which}` }, ...cell.childNodes);
  button.addEventListener("click", () => openPane(name, arm, reference, show, button));
  cell.append(button);
}

function leadToDifference(cell, name, arm, fromBase) {
  const reference = fromBase ? bench.bases[arm] : controlOf(name, arm);
  if (computed(name, arm, reference)) leadTo(cell, name, arm, behind(name, arm, reference), reference);
}

// A claim leads to the examples of its two arms.
function linkClaims(table, column) {
  for (const row of table.tBodies[0].rows) {
    const [, arm, reference, name] = row.cells[column].textContent.trim().match(/^(\S+) [<>=]+ (\S+) on (.+)$/) ?? [];
    if (!evalOf(name) || ![arm, reference].every((side) => bench.arms.includes(side))) continue;
    asked ??= [name, arm, reference];
    leadTo(row.cells[column], name, arm, behind(name, arm, reference), reference);
  }
}

function linkTable(table) {
  const heads = titles(table);
  if (heads.includes("Claim")) linkClaims(table, heads.indexOf("Claim"));
  const [armAtColumn, evalAtColumn] = [heads.indexOf("Arm"), heads.indexOf("Eval")];
  if (armAtColumn < 0) return;
  let above = table.parentElement;
  while (above && !/^H[23]$/.test(above.tagName)) above = above.previousElementSibling;
  const own = above && evalOf(above.textContent.trim()) ? above.textContent.trim() : null;
  for (const row of table.tBodies[0].rows) {
    const arm = row.cells[armAtColumn].textContent.trim();
    if (!bench.arms.includes(arm)) continue;
    heads.forEach((title, column) => {
      if (evalOf(title)) leadTo(row.cells[column], title, arm, behind(title, arm, referenceOf(arm)));
      else if (own && title.startsWith("Score")) leadTo(row.cells[column], own, arm);
      else if (own && title.startsWith("− ")) leadToDifference(row.cells[column], own, arm, title.startsWith("− base"));
      else if (evalAtColumn >= 0 && /^(Gained|Lost)$/.test(title) && evalOf(row.cells[evalAtColumn].textContent.trim())) {
        leadTo(row.cells[column], row.cells[evalAtColumn].textContent.trim(), arm, title.toLowerCase());
      }
    });
  }
}

function openFromAddress() {
  const [name, arm, reference, show] = location.hash.replace(/^#examples=/, "").split("|").map(decodeURIComponent);
  if (location.hash.startsWith("#examples=") && evalOf(name) && [arm, reference].every((side) => bench.arms.includes(side))) {
    openPane(name, arm, reference, show in SHOW ? show : "all");
  }
}
