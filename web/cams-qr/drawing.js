// A link as a QR code.

import { correction, generate } from "../vendor/lean-qr/nano.js";

/** Width of the quiet zone, in modules. */
export const BORDER = 4;

/** Whether a link may be followed and drawn; anything else, such as javascript:, stays text. */
export function isWebLink(link) {
  return /^https:\/\//.test(link ?? "");
}

/** The link's modules, `{size, get(x, y)}`; null if there is no link, or it is too long for a QR code. */
export function modulesOf(link) {
  if (!isWebLink(link)) return null;
  try {
    return generate(link, { minCorrectionLevel: correction.M });
  } catch {
    return null;
  }
}

/** The dark modules as a path to stroke, with a line for each run. */
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

/** The viewBox around the modules and their quiet zone. */
export function viewBoxOf({ size }) {
  return `${-BORDER} ${-BORDER} ${size + 2 * BORDER} ${size + 2 * BORDER}`;
}
