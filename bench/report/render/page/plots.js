// Plots: a pointer or the arrow keys read the figures off; an arm is lit wherever it is drawn or listed.
const tip = make("div", { className: "tip", hidden: true, role: "status" });

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(x + 12, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${(y > 60 ? y - tip.offsetHeight - 12 : y + 18) + scrollY}px`;
}

const hideTip = () => { tip.hidden = true; };

// The point of a curve that is nearest to a place in the plot's units, with its values.
function nearest(svg, x, y) {
  let best = null;
  for (const group of all("[data-axes]", svg)) {
    if (group.classList.contains("off")) continue;
    const [xLow, xHigh, xStart, xEnd, yLow, yHigh, yStart, yEnd] = group.dataset.axes.split(" ").map(Number);
    for (const [, px, py] of find(".curve", group)?.getAttribute("d").matchAll(/[ML]([-\d.]+),([-\d.]+)/g) ?? []) {
      const far = Math.abs(px - x) + Math.abs(py - y) / 2;
      if (best && far >= best.far) continue;
      best = { far, x: Number(px), y: Number(py), name: group.dataset.arm,
        at: xLow + (px - xStart) / (xEnd - xStart) * (xHigh - xLow),
        value: yLow + (py - yStart) / (yEnd - yStart) * (yHigh - yLow) };
    }
  }
  return best;
}

const short = (value) => Number(value.toPrecision(3)).toLocaleString("en");
const readOut = (point) => `${point.name}: ${short(point.value)} at ${short(Math.round(point.at))}`;

// The arms of a mark: a claim's is about two.
const armsOf = (group) => group.dataset.arm.split(/ (?:>=|>|==) /);

// Plots that do not draw the arm stay as they are.
function light(arm) {
  all(".plot.lit, .plot .on").forEach((part) => part.classList.remove("lit", "on"));
  if (!arm) return;
  for (const group of all(".plot [data-arm]")) {
    if (!group.dataset.arm.includes(arm) || !(group.dataset.arm === arm || armsOf(group).includes(arm))) continue;
    group.classList.add("on");
    group.closest(".plot").classList.add("lit");
  }
}

function pointerOnPlot(svg, event) {
  const group = event.target.closest?.("[data-arm]");
  if (group?.dataset.says) showTip(group.dataset.says, event.clientX, event.clientY);
  else {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const point = nearest(svg, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    if (point && point.far < 40) showTip(readOut(point), event.clientX, event.clientY);
    else hideTip();
  }
  light(group?.dataset.arm);
}

function keyOnPlot(svg, event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const marks = all("[data-arm]", svg).filter((group) => group.dataset.says && !group.classList.contains("off"));
  if (!marks.length) return;
  const next = (Number(svg.dataset.mark ?? -1) + step + marks.length) % marks.length;
  svg.dataset.mark = next;
  const box = marks[next].getBoundingClientRect();
  showTip(marks[next].dataset.says, box.right, box.top);
  light(marks[next].dataset.arm);
}

// The tip replaces the browser's own, which keys cannot reach.
function takeTitles(svg) {
  for (const title of all("g > title", svg)) {
    if (!title.parentElement.dataset.axes) title.parentElement.dataset.says = title.textContent;
    title.remove();
  }
}

function equipPlots() {
  document.body.append(tip);
  for (const svg of all(".plot > svg")) {
    svg.setAttribute("tabindex", "0");
    for (const coming of ["pointerenter", "focus"]) svg.addEventListener(coming, () => takeTitles(svg), { once: true });
    svg.addEventListener("pointermove", (event) => pointerOnPlot(svg, event));
    svg.addEventListener("keydown", (event) => keyOnPlot(svg, event));
    for (const leaving of ["pointerleave", "blur"]) {
      svg.addEventListener(leaving, () => { hideTip(); light(null); });
    }
  }
  find("main").addEventListener("pointerleave", () => light(null));
  find("main").addEventListener("pointerover", (event) => {
    if (event.target.closest(".plot")) return;
    const row = event.target.closest("main tbody tr");
    light(row && armColumn(row.closest("table")) >= 0 ? row.cells[armColumn(row.closest("table"))].textContent.trim() : null);
  });
}
