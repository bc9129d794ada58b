// A ZIP of uncompressed files (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).

import { crc32, join } from "./bytes.js";

const UTF8_NAMES = 0x0800;
const VERSION = 20;

/** A Blob of up to 65,535 files, each `{name, content}` with the content in bytes. */
export function makeZip(files) {
  const [date, time] = dosTime(new Date());
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, content } of files) {
    const bytes = new TextEncoder().encode(name);
    const common = [
      ...[VERSION, UTF8_NAMES, 0, time, date].map(short),
      ...[crc32(content), content.length, content.length].map(long),
      ...[bytes.length, 0].map(short),
    ];
    const head = join([long(0x04034b50), ...common, bytes]);
    parts.push(head, content);
    const rest = [...[0, 0, 0].map(short), long(0), long(offset), bytes];
    directory.push(join([long(0x02014b50), short(VERSION), ...common, ...rest]));
    offset += head.length + content.length;
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const counts = [0, 0, files.length, files.length].map(short);
  const end = join([long(0x06054b50), ...counts, long(size), long(offset), short(0)]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function short(value) {
  return new Uint8Array([value, value >> 8]);
}

function long(value) {
  return new Uint8Array([value, value >> 8, value >> 16, value >>> 24]);
}

function dosTime(now) {
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  return [date, (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1)];
}
