// Modules as a picture file, like the function's: 8 pixels per module, black on white.

import { BORDER, pathOf, viewBoxOf } from "../drawing.js";
import { crc32, join } from "./bytes.js";

const SCALE = 8;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const UP = 2;

export function svgOf(modules) {
  const side = (modules.size + 2 * BORDER) * SCALE;
  const ground = `<path fill="#fff" d="M-4-4h${side / SCALE}v${side / SCALE}H-4z"/>`;
  const dark = `<path stroke="#000" d="${pathOf(modules)}"/>`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="${viewBoxOf(modules)}">`;
  return new TextEncoder().encode(`${head}${ground}${dark}</svg>\n`);
}

/** One bit per pixel, so that a byte is as wide as a module. */
export async function pngOf(modules) {
  const width = modules.size + 2 * BORDER;
  const side = width * SCALE;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, side);
  view.setUint32(4, side);
  header[8] = 1;
  const content = chunk("IDAT", await deflate(linesOf(modules, width)));
  return join([SIGNATURE, chunk("IHDR", header), content, chunk("IEND", [])]);
}

/** Each line of pixels after its filter byte. Of the lines for one row of modules, all but the first repeat it. */
function linesOf(modules, width) {
  const length = width + 1;
  const lines = new Uint8Array(length * width * SCALE);
  for (let y = 0; y < width; y += 1) {
    const first = y * SCALE * length;
    for (let x = 0; x < width; x += 1) lines[first + 1 + x] = modules.get(x - BORDER, y - BORDER) ? 0 : 255;
    for (let line = 1; line < SCALE; line += 1) lines[first + line * length] = UP;
  }
  return lines;
}

async function deflate(bytes) {
  const { writable, readable } = new CompressionStream("deflate");
  const writer = writable.getWriter();
  writer.write(bytes);
  writer.close();
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

function chunk(type, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, crc32(bytes.subarray(4, content.length + 8)));
  return bytes;
}
