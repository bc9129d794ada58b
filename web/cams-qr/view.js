// The view.

import { drawInto, makeCard } from "./card.js";
import { make } from "./dom.js";
import { style } from "./style.js";

const COPIED_MS = 2000;
const GHOSTS = 6;

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
      parts.main.hidden = false;
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
  const main = make("div", { class: "main", tabindex: -1, hidden: "" }, panel, tools, ghosts, cards);
  button.onclick = () => {
    // The button goes, the keyboard's place stays.
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
  say(parts.status, text[state.said] ?? text.problems[state.said] ?? statusOf(state, text));
  renderProblem(parts, state, text);
}

/** Screen readers repeat what is set. */
function say(node, sentence) {
  if (node.textContent !== sentence) node.textContent = sentence;
}

function statusOf({ phase, list, shown, selected, problem, asksByItself }, text) {
  if (phase === "loading") return text.loading;
  if (asksByItself) return text.willTryAgain(problem.retryAfter);
  if (!list) return "";
  const total = list.qrCodes.length;
  const found = shown.length < total ? text.shown(shown.length, total) : total ? text.found(total) : text.none;
  const chosen = selected.size && text.selected(selected.size);
  return [found, chosen, list.stale && text.stale(list.fetchedAt)].filter(Boolean).join(" · ");
}

function renderProblem({ alert, retry }, { problem, secondsLeft }, text) {
  retry.hidden = !problem?.retryable;
  retry.disabled = secondsLeft > 0;
  retry.textContent = secondsLeft ? text.tryAgainIn(secondsLeft) : text.tryAgain;
  const sentence = problem && (text.problems[problem.code] ?? text.problems.internal_error);
  const said = problem ? [sentence, problem.requestId ? text.request(problem.requestId) : ""] : [];
  if (alert.textContent !== said.join("")) alert.replaceChildren(...said.map((line) => make("p", {}, line)));
}

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
