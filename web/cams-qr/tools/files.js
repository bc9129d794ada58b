// Saves codes as files.

import { modulesOf } from "../drawing.js";
import { nameOf } from "./names.js";
import { pngOf, svgOf } from "./pictures.js";
import { makeZip } from "./zip.js";

const PICTURES = { svg: svgOf, png: pngOf };
const COLUMNS = ["code", "prefilledMessage", "deepLinkUrl", "phoneNumber"];
// Spreadsheets treat a cell that begins like this as a formula; an apostrophe makes it text. If a semicolon separates
// cells, one begins after it, after a tab and on each line, whatever the quotes say.
const FORMULA = /^(?=[\t\r])|(?<=^|[;\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])/g;

/** The code as a picture. Throws TypeError if it cannot be drawn. */
export async function pictureOf(code, format) {
  return PICTURES[format](modulesOf(code.deepLinkUrl));
}

/** A ZIP of all codes that can be drawn; `turn()` is awaited after each. */
export async function zipOf(codes, format, turn) {
  const taken = new Set();
  const files = [];
  for (const code of codes) {
    const modules = modulesOf(code.deepLinkUrl);
    if (modules) files.push({ name: nameOf(code, format, taken), content: await PICTURES[format](modules) });
    await turn();
  }
  return makeZip(files);
}

/** A CSV file with a line for each code (RFC 4180); its byte order mark tells spreadsheets that it is UTF-8. */
export function csvOf(codes) {
  const lines = [COLUMNS, ...codes.map((code) => COLUMNS.map((column) => cellOf(code[column] ?? "")))];
  const text = lines.map((cells) => `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",")}\r\n`).join("");
  return new Blob(["\uFEFF", text], { type: "text/csv;charset=utf-8" });
}

function cellOf(value) {
  return value.replace(FORMULA, "'");
}

/** Makes the browser save the content under a name. */
export function saveFile(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: content.type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
