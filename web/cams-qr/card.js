// One code: its drawing, its message, its link.

import { isWebLink, modulesOf, pathOf, viewBoxOf } from "./drawing.js";
import { make } from "./dom.js";

const LONG = 280;

// Cloned, because there may be thousands.
const blank = make(
  "li",
  { class: "card" },
  make(
    "div",
    { class: "head" },
    make("label", { class: "pick" }, make("input", { type: "checkbox" }), make("span", { class: "code" })),
    make("button", { type: "button", class: "more", "aria-haspopup": "menu", "aria-expanded": "false" }, "⋯"),
  ),
  make("div", { class: "tile" }),
  make("p", { class: "prefilled", dir: "auto" }),
  make("a", { class: "link", target: "_blank", rel: "noopener noreferrer" }),
  make("button", { type: "button", class: "copy" }),
);

/** Makes the card of a code, which it holds as `code`; the code is not drawn yet. */
export function makeCard(code, text, id) {
  const card = blank.cloneNode(true);
  card.code = code;
  const part = (name) => card.querySelector(`.${name}`);
  const name = code.code ?? "";
  part("code").textContent = name;
  part("code").id = id;
  part("pick").firstChild.setAttribute("aria-label", text.select(name));
  part("more").setAttribute("aria-label", text.more(name));
  showMessage(part("prefilled"), code.prefilledMessage, text);
  showLink(part("link"), code.deepLinkUrl);
  part("copy").textContent = text.copy;
  part("copy").hidden = !code.deepLinkUrl;
  part("copy").setAttribute("aria-describedby", id);
  return card;
}

function showMessage(node, message, text) {
  node.textContent = message || text.noMessage;
  node.classList.toggle("none", !message);
  if ((message ?? "").length <= LONG) return;
  // It scrolls, so it must be reachable by keyboard.
  node.classList.add("long");
  node.tabIndex = 0;
}

function showLink(node, link) {
  node.textContent = (link ?? "").replace(/^https:\/\//, "");
  node.hidden = !link;
  if (isWebLink(link)) node.href = link;
}

/** Draws the code into its card, once, or shows that it cannot be drawn. */
export function drawInto(card, text) {
  const tile = card.querySelector(".tile");
  if (tile.firstChild) return;
  const { code, prefilledMessage, deepLinkUrl } = card.code;
  const modules = modulesOf(deepLinkUrl);
  tile.append(modules ? makeDrawing(modules, text.drawing(code ?? "", prefilledMessage)) : text.notDrawn);
}

/** The modules as an image with an accessible name. */
export function makeDrawing(modules, label) {
  const path = make("path", { d: pathOf(modules) });
  return make("svg", { class: "drawing", role: "img", "aria-label": label, viewBox: viewBoxOf(modules) }, path);
}
