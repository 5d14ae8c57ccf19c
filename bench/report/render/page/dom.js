// Small helpers. Every text enters the page as text: nothing here parses HTML, and the page's policy forbids it.
const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function make(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Whether a text has every word that was typed, in any order.
function matches(text, typed) {
  const low = text.toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => low.includes(word));
}

const field = (label, input) => make("label", { className: "field" }, make("span", {}, label), input);
const option = (value, text) => make("option", { value }, text ?? value);
