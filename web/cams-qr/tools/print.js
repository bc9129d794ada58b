// The print dialogue.

import { make } from "../dom.js";
import { withProgress } from "./progress.js";
import { makeSheet, PAPERS, PER_PAGE, printSheet } from "./sheet.js";

/** Asks for paper and layout, then prints. */
export function askHowToPrint(main, codes, text) {
  const paper = chooser(Object.keys(PAPERS), preferredPaper());
  const perPage = chooser(PER_PAGE, codes.length > 1 ? "8" : "1");
  const told = make("p", { role: "status" });
  const cancel = make("button", { type: "button" }, text.cancel);
  const start = make("button", { type: "button", class: "copy" }, text.doPrint);
  const title = make("h2", { id: "sheet" }, text.sheet);
  const fields = [make("label", {}, text.paper, paper), make("label", {}, text.perPage, perPage)];
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "sheet" });
  const tell = () => (told.textContent = `${text.what(codes.length)} · ${text.pages(Math.ceil(codes.length / perPage.value))}`);
  dialog.append(title, ...fields, told, make("div", { class: "acts" }, cancel, start));
  perPage.addEventListener("change", tell);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  start.addEventListener("click", async () => {
    dialog.close();
    const draw = (turn) => makeSheet(codes, PAPERS[paper.value], Number(perPage.value), text, turn);
    const sheet = await withProgress(main, text, codes.length, draw);
    if (sheet) printSheet(sheet, paper.value);
  });
  tell();
  main.append(dialog);
  dialog.showModal();
}

function chooser(values, chosen) {
  const select = make("select", {}, ...values.map((value) => make("option", { value }, String(value))));
  select.value = chosen;
  return select;
}

/** Letter in the countries that use it. */
function preferredPaper() {
  return /-(US|CA|MX|PH|CL|CO|VE)\b/i.test(navigator.language) ? "Letter" : "A4";
}
