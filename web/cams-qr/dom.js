// Nodes made without HTML: text stays text.

const SVG = ["svg", "path"];

/** Classes are parts too, for the page to style. */
export function make(tag, attributes = {}, ...children) {
  const node = SVG.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (attributes.class) node.setAttribute("part", attributes.class);
  node.append(...children);
  return node;
}
