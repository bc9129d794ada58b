// Pages of codes with cutting lines. They are in the document itself, because browsers print nothing else well.

import { make } from "../dom.js";
import { makeDrawing, modulesOf } from "../drawing.js";

/** Millimetres. */
export const PAPERS = { A4: { width: 210, height: 297 }, Letter: { width: 215.9, height: 279.4 } };
const MARGIN = 10;
/** Columns, rows, lines of a message, and its font size in points. */
const LAYOUTS = { 1: [1, 1, 8, 22], 4: [2, 2, 6, 13], 8: [2, 4, 3, 9.5], 12: [3, 4, 3, 8.5], 24: [4, 6, 2, 6.5] };
export const PER_PAGE = Object.keys(LAYOUTS);

const inside = new CSSStyleSheet();
inside.replaceSync(`
.page {
  box-sizing: border-box;
  display: grid;
  grid-template: repeat(var(--rows), 1fr) / repeat(var(--columns), 1fr);
  width: var(--width);
  height: var(--height);
  padding: ${MARGIN}mm;
  overflow: hidden;
  break-inside: avoid;
  color: #000;
  font-family: system-ui, sans-serif;
}
.page:not(:last-child) { break-after: page; }
.cell {
  display: flex;
  flex-direction: column;
  align-items: center;
  gap: 1mm;
  min-width: 0;
  overflow: hidden;
  padding: 2mm 1.5mm;
  border: 0 dashed #888;
  border-block-end-width: .2mm;
  border-inline-end-width: .2mm;
  text-align: center;
}
.cell.top { border-block-start-width: .2mm; }
.cell.first { border-inline-start-width: .2mm; }
.drawing { flex: none; width: var(--side); height: var(--side); stroke: #000; shape-rendering: crispEdges; }
p { margin: 0; max-width: 100%; overflow-wrap: anywhere; line-height: 1.25; }
.message {
  display: -webkit-box;
  flex: none;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: var(--lines);
  font-size: var(--letters);
}
.link { flex: none; font-size: max(6pt, var(--letters) * .8); color: #444; }
`);

/** The pages; `turn()` is awaited after each code. A code that cannot be drawn is replaced by a note. */
export async function makeSheet(codes, paper, perPage, text, turn) {
  const [columns] = LAYOUTS[perPage];
  const pages = [];
  for (const [index, code] of codes.entries()) {
    const place = index % perPage;
    if (!place) pages.push(make("div", { class: "page" }));
    const cell = makeCell(code, text);
    cell.classList.toggle("top", place < columns);
    cell.classList.toggle("first", place % columns === 0);
    pages.at(-1).append(cell);
    await turn();
  }
  const sheet = make("div", { class: "cams-qr-sheet" });
  const root = sheet.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [inside];
  root.append(...pages);
  setSizes(sheet.style, paper, perPage);
  return sheet;
}

function makeCell({ code, prefilledMessage, deepLinkUrl }, text) {
  const modules = modulesOf(deepLinkUrl);
  const drawing = modules ? makeDrawing(modules, text.drawing(code ?? "", prefilledMessage)) : make("p", {}, text.notDrawn);
  const message = make("p", { class: "message", dir: "auto" }, prefilledMessage ?? "");
  return make("div", { class: "cell" }, drawing, message, make("p", { class: "link" }, deepLinkUrl ?? code ?? ""));
}

function setSizes(style, { width, height }, perPage) {
  const [columns, rows, lines, letters] = LAYOUTS[perPage];
  const side = Math.min(((width - 2 * MARGIN) / columns) * 0.8, ((height - 2 * MARGIN) / rows) * 0.6);
  const sizes = { width: `${width}mm`, height: `${height}mm`, side: `${side}mm`, letters: `${letters}pt`, columns, rows, lines };
  for (const [name, value] of Object.entries(sizes)) style.setProperty(`--${name}`, value);
}

/** Prints the sheet and nothing else, whatever the page's style is, then removes it. */
export function printSheet(sheet, paper) {
  // What is important in a layer goes before what the page says outside of one.
  const around = new CSSStyleSheet();
  around.replaceSync(`
@page { size: ${paper} portrait !important; margin: 0 !important; }
@layer cams-qr-sheet {
  .cams-qr-sheet { all: initial !important; display: none !important; }
  @media print {
    html, body, .cams-qr-sheet { all: initial !important; display: block !important; background: #fff !important; }
    body > :not(.cams-qr-sheet), :is(html, body)::before, :is(html, body)::after { display: none !important; }
  }
}`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, around];
  document.body.append(sheet);
  addEventListener("afterprint", () => {
    sheet.remove();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((style) => style !== around);
  }, { once: true });
  print();
}
