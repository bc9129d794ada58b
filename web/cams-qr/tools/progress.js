// Long work in small steps, so that the page stays responsive, with a progress bar and a button to cancel it.

import { make } from "../dom.js";

const TURN_MS = 50;

class Cancelled extends Error {}

/**
 * Runs `work(turn)`, which calls and awaits `turn()` for each of `total` items, with the progress in the place of the
 * tools. Returns its result, or null if it was cancelled.
 */
export async function withProgress(main, text, total, work) {
  const bar = make("progress", { max: total, value: 0, "aria-label": text.busy });
  const told = make("p", {}, text.busy);
  const cancel = make("button", { type: "button" }, text.cancel);
  const box = make("div", { class: "progress" }, told, bar, cancel);
  const place = main.getRootNode().activeElement ?? main;
  let done = 0;
  let began = performance.now();
  cancel.addEventListener("click", () => box.remove());
  main.querySelector(".tools").append(box);
  cancel.focus();

  async function turn() {
    done += 1;
    if (performance.now() - began >= TURN_MS) {
      bar.value = done;
      told.textContent = `${text.busy} ${text.drawn(done, total)}`;
      await new Promise((resolve) => setTimeout(resolve));
      began = performance.now();
    }
    // Gone by the button, or with the element.
    if (!box.isConnected) throw new Cancelled();
  }

  try {
    return await work(turn);
  } catch (error) {
    if (error instanceof Cancelled) return null;
    throw error;
  } finally {
    box.remove();
    place.focus({ preventScroll: true });
  }
}
