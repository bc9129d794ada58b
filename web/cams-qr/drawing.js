// A link as a QR code.

import { correction, generate } from "../vendor/lean-qr/nano.js";
import { make } from "./dom.js";

/** The quiet zone, in modules. */
export const BORDER = 4;

/** Anything else, such as javascript:, stays text. */
export function isWebLink(link) {
  return /^https:\/\//.test(link ?? "");
}

/** `{size, get(x, y)}`; null where there is no link, or one that is too long. */
export function modulesOf(link) {
  if (!isWebLink(link)) return null;
  try {
    return generate(link, { minCorrectionLevel: correction.M });
  } catch {
    return null;
  }
}

/** The dark modules, to be stroked. */
export function pathOf({ size, get }) {
  let path = "";
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const start = x;
      while (get(x, y)) x += 1;
      if (x > start) path += `M${start} ${y + 0.5}h${x - start}`;
    }
  }
  return path;
}

export function viewBoxOf({ size }) {
  return `${-BORDER} ${-BORDER} ${size + 2 * BORDER} ${size + 2 * BORDER}`;
}

export function makeDrawing(modules, label) {
  const path = make("path", { d: pathOf(modules) });
  return make("svg", { class: "drawing", role: "img", "aria-label": label, viewBox: viewBoxOf(modules) }, path);
}
