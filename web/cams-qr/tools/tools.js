// Tools for many codes: find, choose, print and save them. Loaded if there are many codes or none, or when a menu is
// first opened.

import { isWebLink, modulesOf } from "../drawing.js";
import { makeEmpty } from "./empty.js";
import { csvOf, pictureOf, saveFile, zipOf } from "./files.js";
import { makeMenu } from "./menu.js";
import { nameOf } from "./names.js";
import { askHowToPrint } from "./print.js";
import { withProgress } from "./progress.js";
import { style } from "./style.js";
import { texts } from "./texts.js";
import { makeToolbar } from "./toolbar.js";

const isDrawable = (code) => modulesOf(code.deepLinkUrl) !== null;

/** The tools of one element: `render` follows its state, `openMenu` opens a code's menu at a button. */
export function makeTools(root, actions) {
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, style];
  const main = root.querySelector(".main");
  const openMenu = makeMenu(main);
  let text = texts.en;

  const save = {
    svg: (codes) => saveZip(codes, "svg"),
    png: (codes) => saveZip(codes, "png"),
    csv: (codes) => saveFile("qr-codes.csv", csvOf(codes)),
  };
  const print = (codes) => askHowToPrint(main, codes, text);
  const toolbar = makeToolbar(main, actions, {
    print,
    download: (button, codes) => openMenu(button, kindsOf(codes)),
  });

  const empty = makeEmpty(main, { retry: actions.retry, clear: toolbar.clear });

  async function saveZip(codes, format) {
    const zip = await withProgress(main, text, codes.length, (turn) => zipOf(codes, format, turn));
    if (zip) saveFile(`qr-codes-${format}.zip`, zip);
  }

  async function saveOne(code, format) {
    saveFile(nameOf(code, format, new Set()), await pictureOf(code, format));
  }

  function kindsOf(codes) {
    const kinds = codes.some(isDrawable) ? Object.keys(save) : ["csv"];
    return kinds.map((kind) => ({ label: text.kinds[kind], act: () => save[kind](codes) }));
  }

  function itemsOf(code) {
    const open = isWebLink(code.deepLinkUrl) ? [{ label: text.open, href: code.deepLinkUrl }] : [];
    if (!isDrawable(code)) return open;
    const formats = ["svg", "png"].map((format) => ({ label: text.save(format), act: () => saveOne(code, format) }));
    return [...open, ...formats, { label: text.print, act: () => print([code]) }];
  }

  return {
    openMenu: (button, code) => openMenu(button, itemsOf(code)),
    render(state, words) {
      text = { ...words.text, ...texts[words.language] };
      toolbar.render(state, text);
      empty.render(state, text);
    },
  };
}
