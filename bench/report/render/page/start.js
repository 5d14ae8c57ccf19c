// The bar above the page, the keys, and the start.
const KEYS = [
  ["/", "filter arms"], ["e", "examples"], ["j, k", "next, previous example"], ["Esc", "back to the cell"],
  ["arrow keys", "values, inside a plot"], ["?", "this list"],
];

function walkExamples(step) {
  const items = all("#examples .example > summary");
  const at = items.indexOf(document.activeElement);
  const next = items[Math.max(0, at + step)];
  if (!next) return;
  if (at >= 0) items[at].parentElement.open = false;
  next.parentElement.open = true;
  next.focus();
  next.scrollIntoView({ block: "start" });
}

function onKey(event, typed, help) {
  if (event.key === "Escape" && pane.root && !pane.root.hidden && !help.open) return closePane();
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const act = {
    "/": () => { event.preventDefault(); typed.focus(); },
    "?": () => help.showModal(),
    e: () => bench?.evals.length && openFirst(),
    j: () => walkExamples(1),
    k: () => walkExamples(-1),
  }[event.key];
  act?.();
}

function buildBar() {
  const typed = make("input", { type: "search", placeholder: "Filter arms  ( / )", "aria-label": "Filter arms", oninput: (event) => filterArms(event.target.value) });
  const help = make("dialog", { "aria-label": "Keys" }, make("h2", {}, "Keys"),
    make("dl", {}, ...KEYS.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)])),
    make("button", { type: "button", onclick: () => help.close() }, "Close"));
  const examples = make("button", { type: "button", id: "to-examples", disabled: true, onclick: (event) => openFirst(event.target) }, "Examples");
  const unfold = make("button", { type: "button", onclick: () => {
    const folds = all("main > details");
    const open = folds.some((fold) => !fold.open);
    folds.forEach((fold) => { fold.open = open; });
  } }, "Unfold");
  find("main").before(make("div", { className: "bar", role: "search" }, typed, examples,
    find("main > details") ? unfold : null,
    make("button", { type: "button", onclick: () => help.showModal(), "aria-label": "Keys" }, "?")), help);
  document.addEventListener("keydown", (event) => onKey(event, typed, help));
  return examples;
}

// A link into a folded section opens it.
function openTarget() {
  const target = location.hash.startsWith("#s") ? document.getElementById(location.hash.slice(1)) : null;
  const fold = target?.closest("main > details");
  if (!fold) return;
  fold.open = true;
  target.scrollIntoView();
}

const pause = () => new Promise((resume) => { setTimeout(resume); });
// Measured around the table: to measure inside a fold, or a table out of sight, would lay it out.
const nearTop = (table) => !table.closest("details:not([open])") && table.parentElement.getBoundingClientRect().top < 2 * innerHeight;

// One table after the other, with pauses in which the page answers; those of the first screens are done first.
async function equip(tables) {
  let since = performance.now();
  for (const table of tables) {
    equipTable(table);
    if (bench) linkTable(table);
    if (performance.now() - since > 40) {
      await pause();
      since = performance.now();
    }
  }
}

async function start() {
  const examples = buildBar();
  equipPlots();
  addEventListener("hashchange", () => { openTarget(); if (bench?.evals.length) openFromAddress(); });
  openTarget();
  try {
    bench = await unpack();
  } catch (error) {
    examples.title = `This browser cannot unpack the examples: ${error.message}`;
  }
  if (bench && Object.keys(bench.rows).length) {
    buildRows();
    examples.after(make("button", { type: "button", onclick: openRows }, "Training rows"));
  }
  if (bench?.evals.length) {
    buildPane();
    examples.disabled = false;
    openFromAddress();
  } else if (!examples.title) examples.remove();
  const tables = all("main table");
  const first = new Set(tables.filter(nearTop));
  await equip(first);
  document.body.dataset.ready = Math.round(performance.now()); // milliseconds since the page was asked for
  await equip(tables.filter((table) => !first.has(table)));
  document.body.dataset.whole = "1";
}
start();
