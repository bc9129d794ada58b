// What is shown if there are no codes, and what to do about it.

import { make } from "../dom.js";

/** A box that is visible if the number has no codes, or none matches the filter. Its sign invites to create one. */
export function makeEmpty(main, { retry, clear }) {
  const sign = makeSign();
  const hint = make("p");
  const act = make("button", { type: "button" });
  const box = make("div", { class: "empty" }, sign, hint, act);
  main.append(box);
  return {
    render({ phase, list, shown }, text) {
      const none = phase === "empty";
      box.hidden = !list || shown.length > 0;
      sign.toggleAttribute("hidden", !none);
      hint.textContent = none ? text.whatNow : text.noMatch;
      act.textContent = none ? text.lookAgain : text.clear;
      act.onclick = none ? () => (main.focus(), retry()) : clear;
    },
  };
}

/** A placeholder for a code: its three corners. */
function makeSign() {
  const d = "M2 2h12v12H2zM26 2h12v12H26zM2 26h12v12H2zM7 7h2v2H7zM31 7h2v2h-2zM7 31h2v2H7zM32 26v12M26 32h12";
  return make("svg", { class: "sign", viewBox: "0 0 40 40", "aria-hidden": "true" }, make("path", { d }));
}
