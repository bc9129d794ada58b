// The bar above many codes: filter, order, selection, and actions on the selected codes.

import { make } from "../dom.js";
import { shownCodes } from "./codes.js";
import { selectByHand } from "./select.js";

/** Adds the bar to the element. `print(codes)` and `download(button, codes)` get the selected codes, or all shown. */
export function makeToolbar(main, actions, { print, download }) {
  const bar = main.querySelector(".tools");
  const parts = makeParts(bar);
  let state;

  function change(part) {
    const next = { ...state, ...part };
    const shown = "selected" in part ? state.shown : shownCodes(next);
    actions.set({ ...part, shown, said: "" });
  }

  function select(codes, wanted) {
    const selected = new Set(state.selected);
    for (const code of codes) wanted ? selected.add(code) : selected.delete(code);
    change({ selected });
  }

  function chosen() {
    const { shown, selected } = state;
    return selected.size ? shownCodes({ ...state, filter: "" }).filter((code) => selected.has(code)) : shown;
  }

  parts.filter.addEventListener("input", () => change({ filter: parts.filter.value }));
  parts.sort.addEventListener("change", () => change({ sort: parts.sort.value }));
  parts.all.addEventListener("change", () => select(state.shown, parts.all.checked));
  parts.print.addEventListener("click", () => print(chosen()));
  parts.download.addEventListener("click", () => download(parts.download, chosen()));
  selectByHand(main.querySelector("#cards"), select);

  return {
    clear() {
      parts.filter.focus();
      change({ filter: "" });
    },
    render(now, text) {
      state = now;
      renderLabels(parts, text);
      renderBar(parts, state);
    },
  };
}

function makeParts(bar) {
  const options = ["given", "message", "code"].map((value) => make("option", { value }));
  const filter = make("input", { id: "filter", class: "filter", type: "search", autocomplete: "off" });
  const sort = make("select", { id: "sort", class: "sort" }, ...options);
  const all = make("input", { type: "checkbox", id: "all" });
  const label = make("span");
  const print = make("button", { type: "button", id: "print", "aria-haspopup": "dialog" });
  const download = make("button", { type: "button", id: "download", "aria-haspopup": "menu", "aria-expanded": "false" });
  const added = [
    make("label", { class: "pick" }, all, label),
    make("div", { class: "find" }, filter, sort),
    make("div", { class: "acts" }, print, download),
  ];
  bar.append(...added);
  return { filter, sort, all, label, print, download, added };
}

function renderLabels(parts, text) {
  parts.filter.placeholder = text.filter;
  parts.filter.setAttribute("aria-label", text.filter);
  parts.sort.setAttribute("aria-label", text.sort);
  for (const option of parts.sort.options) option.textContent = text.sorts[option.value];
  parts.label.textContent = text.selectAll;
  parts.print.textContent = text.print;
  parts.download.textContent = text.download;
}

function renderBar(parts, { list, shown, selected, filter = "", sort = "given" }) {
  for (const part of parts.added) part.hidden = !(list?.qrCodes.length > 1);
  if (parts.filter.value !== filter) parts.filter.value = filter;
  parts.sort.value = sort;
  parts.all.checked = shown.length > 0 && shown.every((code) => selected.has(code));
  parts.all.indeterminate = selected.size > 0 && !parts.all.checked;
  parts.all.disabled = !shown.length;
  parts.print.disabled = parts.download.disabled = !shown.length && !selected.size;
}
