// The view: the state, then a card for each code.

import { make } from "./dom.js";
import { isWebLink, makeDrawing, modulesOf } from "./drawing.js";
import { style } from "./style.js";

const COPIED_MS = 2000;
const GHOSTS = 6;
const LONG = 280;

// Cloned: there may be thousands.
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

/** `render` shows a state, `drawAll` draws every code, to print. */
export function makeView(root, actions) {
  const parts = makeParts(actions);
  const cards = makeCards(parts.cards, actions);
  root.adoptedStyleSheets = [style];
  root.append(parts.main);
  return {
    drawAll: cards.drawAll,
    render(state, { language, text }) {
      parts.main.lang = language;
      renderState(parts, state, text);
      cards.render(state, text);
    },
  };
}

function makeParts({ retry }) {
  const status = make("p", { class: "status", role: "status" });
  const tools = make("div", { class: "tools" }, status);
  const alert = make("div", { class: "alert", role: "alert" });
  const button = make("button", { type: "button", class: "retry" });
  const panel = make("div", { class: "panel" }, alert, button);
  const ghosts = make("ul", { class: "cards ghosts", inert: "" }, ...Array.from({ length: GHOSTS }, makeGhost));
  const cards = make("ul", { id: "cards", class: "cards" });
  const main = make("div", { class: "main", tabindex: -1 }, tools, panel, cards);
  button.onclick = () => {
    // The button goes, the keyboard's place stays.
    main.focus();
    retry();
  };
  return { main, alert, retry: button, status, ghosts, cards };
}

function renderState(parts, state, text) {
  const { phase, list } = state;
  const isLoading = phase === "loading";
  parts.main.dataset.phase = phase;
  parts.main.classList.toggle("many", isLoading || list?.qrCodes.length > 1);
  parts.cards.ariaBusy = String(isLoading);
  if (!isLoading) parts.ghosts.remove();
  else if (!parts.ghosts.isConnected) parts.main.append(parts.ghosts);
  const said = text[state.said] ?? text.problems[state.said] ?? statusOf(state, text);
  // Screen readers repeat what is set.
  if (parts.status.textContent !== said) parts.status.textContent = said;
  renderPanel(parts, state, text);
}

function statusOf({ phase, list, shown, selected }, text) {
  if (phase === "loading") return text.loading ?? "";
  if (!list) return "";
  const total = list.qrCodes.length;
  const found = shown.length < total ? text.shown(shown.length, total) : total ? text.found(total) : text.none;
  return selected.size ? `${found} · ${text.selected(selected.size)}` : found;
}

function renderPanel({ alert, retry }, { list, problem, secondsLeft, asksByItself }, text) {
  retry.hidden = !problem?.retryable;
  retry.disabled = secondsLeft > 0;
  retry.textContent = secondsLeft ? text.tryAgainIn(secondsLeft) : text.tryAgain;
  const said = [
    problem && (text.problems[problem.code] ?? text.problems.internal_error),
    asksByItself && text.willTryAgain,
    problem?.requestId && text.request(problem.requestId),
    list?.stale && text.stale(list.fetchedAt),
  ].filter(Boolean);
  if (alert.textContent !== said.join("")) alert.replaceChildren(...said.map((line) => make("p", {}, line)));
}

function makeCards(node, actions) {
  let cards = new Map();
  let last = {};
  const draw = (card) => drawInto(card, last.text);
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target);
  }, { rootMargin: "800px" });

  function cardOf(code) {
    if (!cards.has(code)) {
      const card = makeCard(code, last.text, `code-${cards.size}`);
      cards.set(code, card);
      near.observe(card);
    }
    return cards.get(code);
  }

  node.addEventListener("click", ({ target }) => {
    const { code } = target.closest("li") ?? {};
    if (target.matches(".copy")) copy(target, code.deepLinkUrl, last.text, actions);
    if (target.matches(".more")) actions.openMenu(target, code);
  });
  return {
    drawAll: () => document.querySelector(".cams-qr-sheet") ?? [...node.children].forEach(draw),
    render({ list, shown, selected }, text) {
      const isNew = list !== last.list || text !== last.text;
      const isSame = !isNew && shown === last.shown;
      if (isNew) {
        near.disconnect();
        cards = new Map();
      }
      last = { list, shown, text };
      if (!isSame) node.replaceChildren(...shown.map(cardOf));
      for (const [code, card] of cards) card.querySelector("input").checked = selected.has(code);
    },
  };
}

async function copy(button, link, text, { set }) {
  try {
    await navigator.clipboard.writeText(link);
    set({ said: "copied" });
    button.textContent = text.done;
    setTimeout(() => {
      button.textContent = text.copy;
      set({ said: "" });
    }, COPIED_MS);
  } catch {
    set({ said: "notCopied" });
  }
}

function makeGhost() {
  const ghost = blank.cloneNode(true);
  ghost.className = "ghost";
  return ghost;
}

function makeCard(code, text, id) {
  const card = blank.cloneNode(true);
  card.code = code;
  const part = (name) => card.querySelector(`.${name}`);
  const name = code.code ?? "";
  part("code").textContent = name;
  part("code").id = id;
  part("pick").firstChild.ariaLabel = text.select(name);
  part("more").ariaLabel = text.more(name);
  part("more").hidden = !isWebLink(code.deepLinkUrl);
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
  if (!(message?.length > LONG)) return;
  // It scrolls, by keyboard too.
  node.classList.add("long");
  node.tabIndex = 0;
}

function showLink(node, link) {
  node.textContent = (link ?? "").replace(/^https:\/\//, "");
  node.hidden = !link;
  if (isWebLink(link)) node.href = link;
}

function drawInto(card, text) {
  const tile = card.querySelector(".tile");
  if (tile.firstChild) return;
  const { code, prefilledMessage, deepLinkUrl } = card.code;
  const modules = modulesOf(deepLinkUrl);
  tile.append(modules ? makeDrawing(modules, text.drawing(code ?? "", prefilledMessage)) : text.notDrawn);
}
