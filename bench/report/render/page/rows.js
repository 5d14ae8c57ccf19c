// Training rows as the model saw them: what is learned in colour, the rest masked.
const rowsPane = { root: null, arm: null, list: null };

function rowShown(row) {
  const runs = row.runs.map(([said, learned]) => make(learned ? "mark" : "span", { className: learned ? "learned" : "masked" }, said));
  return make("div", {}, make("h4", {}, `${row.origin}: ${row.tokens} tokens, ${row.supervised} supervised`),
    make("pre", { className: "text", tabIndex: 0 }, ...runs));
}

function refreshRows() {
  rowsPane.list.replaceChildren(...bench.rows[rowsPane.arm.value].map(rowShown));
}

function buildRows() {
  rowsPane.arm = make("select", { onchange: refreshRows }, ...Object.keys(bench.rows).map((name) => option(name)));
  rowsPane.list = make("div", {});
  rowsPane.root = make("section", { id: "rows", tabIndex: -1, hidden: true, "aria-labelledby": "rows-title" },
    make("h2", { id: "rows-title" }, "Training rows"),
    make("p", { className: "muted" }, "The first rows of the arm's first training, after template, cut and packing: ",
      make("mark", { className: "learned" }, "learned"), " and ", make("span", { className: "masked" }, "masked"), "."),
    make("div", { className: "controls" }, field("Arm", rowsPane.arm),
      make("button", { type: "button", onclick: () => { rowsPane.root.hidden = true; } }, "Close")),
    rowsPane.list);
  find("main").append(rowsPane.root);
}

function openRows() {
  rowsPane.root.hidden = false;
  refreshRows();
  rowsPane.root.scrollIntoView();
  rowsPane.root.focus({ preventScroll: true });
}
