// Renders a state.

import { drawInto, makeCard } from "./card.js";
import { make } from "./dom.js";
import { style } from "./style.js";

const COPIED_MS = 2000;
const GHOSTS = 6;

/** Builds the view once. Returns functions that render a state, and that draw every code, for printing. */
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
  const alert = make("div", { id: "message", class: "alert", role: "alert" });
  const button = make("button", { type: "button", id: "retry", class: "retry" });
  const panel = make("div", { class: "panel" }, alert, button);
  const status = make("p", { id: "status", class: "status", role: "status" });
  const tools = make("div", { class: "tools" }, status);
  const blanks = Array.from({ length: GHOSTS }, () => make("div", { class: "ghost" }, make("i"), make("b"), make("b")));
  const ghosts = make("div", { class: "cards", "aria-hidden": "true" }, ...blanks);
  const cards = make("ul", { id: "cards", class: "cards" });
  const main = make("div", { class: "main", tabindex: -1 }, panel, tools, ghosts, cards);
  button.onclick = () => {
    // The button disappears; keyboard users keep their place.
    main.focus();
    retry();
  };
  return { main, alert, retry: button, status, ghosts, cards };
}

function renderState(parts, state, text) {
  const { phase, list } = state;
  parts.main.dataset.phase = phase;
  parts.main.classList.toggle("many", phase === "loading" || list?.qrCodes.length > 1);
  parts.cards.ariaBusy = String(phase === "loading");
  parts.ghosts.hidden = phase !== "loading";
  say(parts.status, state.said || statusOf(state, text));
  renderProblem(parts, state, text);
}

/** Screen readers announce text again when it is set, so only changes are set. */
function say(node, sentence) {
  if (node.textContent !== sentence) node.textContent = sentence;
}

function statusOf({ phase, list, problem, asksByItself }, text) {
  if (phase === "loading") return text.loading;
  if (asksByItself) return text.willTryAgain(problem.retryAfter);
  if (!list) return "";
  const found = list.qrCodes.length ? text.found(list.qrCodes.length) : text.none;
  return list.stale ? `${found} · ${text.stale(list.fetchedAt)}` : found;
}

function renderProblem({ alert, retry }, { problem, secondsLeft }, text) {
  retry.hidden = !problem?.retryable;
  retry.disabled = secondsLeft > 0;
  retry.textContent = secondsLeft ? text.tryAgainIn(secondsLeft) : text.tryAgain;
  const sentence = problem && (text.problems[problem.code] ?? text.problems.internal_error);
  const said = problem ? [sentence, problem.requestId ? text.request(problem.requestId) : ""] : [];
  if (alert.textContent !== said.join("")) alert.replaceChildren(...said.map((line) => make("p", {}, line)));
}

/** Each card is made once, and drawn when it comes near the viewport. */
function makeCards(node, actions) {
  let cards = new Map();
  let last = {};
  const draw = (card) => drawInto(card, last.text);
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) draw(target);
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
    set({ said: text.copied });
    button.textContent = text.done;
    setTimeout(() => (button.textContent = text.copy), COPIED_MS);
  } catch {
    set({ said: text.notCopied });
  }
}
