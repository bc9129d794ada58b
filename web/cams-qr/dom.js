// Nodes made without HTML: text stays text, whatever it holds.

const SVG = ["svg", "path"];

/** An element with attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const node = SVG.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A button that does something and sends no form. */
export function makeButton(attributes, act) {
  const button = make("button", { type: "button", ...attributes });
  button.onclick = act;
  return button;
}
