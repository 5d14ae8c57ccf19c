// Two texts side by side: what only one of them has is marked, word by word.
const LONGEST = 500;

// Pairs [text, whether the other one has it], or null where the texts are too long to compare.
function wordsApart(text, other) {
  const [words, others] = [text, other].map((whole) => whole.split(/(\s+)/).filter(Boolean));
  if (words.length > LONGEST || others.length > LONGEST) return null;
  const width = others.length + 1;
  const common = new Uint16Array((words.length + 1) * width);
  for (let i = words.length - 1; i >= 0; i--) {
    for (let j = others.length - 1; j >= 0; j--) {
      common[i * width + j] = words[i] === others[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const parts = [];
  for (let i = 0, j = 0; i < words.length; i++) {
    while (j < others.length && words[i] !== others[j] && common[i * width + j + 1] > common[(i + 1) * width + j]) j++;
    const same = j < others.length && words[i] === others[j];
    if (same) j++;
    parts.push([words[i], same]);
  }
  return parts;
}

// A text with what `other` lacks inside `tag` (ins or del).
function marked(text, other, tag) {
  const pre = make("pre", { className: "text", tabIndex: 0 });
  const parts = other === null ? null : wordsApart(text, other);
  if (!parts) return make("pre", { className: "text", tabIndex: 0 }, text || "(empty)");
  let open = null;
  for (const [word, same] of parts) {
    if (same) open = null;
    else if (!open) pre.append(open = make(tag));
    (open ?? pre).append(word);
  }
  if (!text) pre.append("(empty)");
  return pre;
}
