// A menu that opens at its button.

import { make } from "../dom.js";

const GAP = 4;

/** Adds one menu to the root. Returns a function that opens it at a button; items are `{label, act}` or `{label, href}`. */
export function makeMenu(root) {
  const menu = make("div", { role: "menu", popover: "auto", class: "menu" });
  let opener;
  let opened = new AbortController();
  root.append(menu);
  menu.addEventListener("keydown", (event) => moveIn(menu, event));
  // Before the item acts: what it opens gives the focus back to where it was.
  menu.addEventListener("click", () => menu.hidePopover(), { capture: true });
  menu.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "closed" && menu.matches(":focus-within")) opener.focus({ preventScroll: true });
  });
  menu.addEventListener("toggle", ({ newState }) => {
    opener.setAttribute("aria-expanded", newState === "open");
    opened.abort();
    if (newState === "open") opened = closeWhenMoved(menu);
  });

  return (button, items) => {
    opener = button;
    menu.replaceChildren(...items.map(makeItem));
    menu.setAttribute("aria-label", button.getAttribute("aria-label") ?? button.textContent);
    menu.showPopover();
    place(menu, button.getBoundingClientRect());
    menu.firstElementChild.focus();
  };
}

/** The menu does not move with its button, so it closes when the button moves. */
function closeWhenMoved(menu) {
  const opened = new AbortController();
  const options = { capture: true, passive: true, signal: opened.signal };
  addEventListener("scroll", ({ target }) => target === menu || menu.hidePopover(), options);
  addEventListener("resize", () => menu.hidePopover(), options);
  return opened;
}

function makeItem({ label, act, href }) {
  const attributes = { role: "menuitem", tabindex: -1 };
  if (href) return make("a", { ...attributes, href, target: "_blank", rel: "noopener noreferrer" }, label);
  const item = make("button", { ...attributes, type: "button" }, label);
  item.onclick = act;
  return item;
}

/** Below the button, or above it if there is more room; always within the viewport. */
function place(menu, at) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight || at.top < height;
  const top = below ? at.bottom + GAP : at.top - GAP - height;
  menu.style.top = `${Math.max(GAP, Math.min(top, innerHeight - height - GAP))}px`;
  menu.style.left = `${Math.max(GAP, Math.min(at.right - width, innerWidth - width - GAP))}px`;
}

function moveIn(menu, event) {
  const items = [...menu.children];
  const at = items.indexOf(menu.getRootNode().activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length).focus();
}
