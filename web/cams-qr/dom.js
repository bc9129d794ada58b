// Creates nodes without HTML, so that text stays text, whatever it contains.

const SVG = ["svg", "path"];

/** An element with attributes and children. Its classes are also its parts, so that the page can style them. */
export function make(tag, attributes = {}, ...children) {
  const node = SVG.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (attributes.class) node.setAttribute("part", attributes.class);
  node.append(...children);
  return node;
}
