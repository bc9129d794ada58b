// File names.

const LENGTH = 60;
// What some file system forbids, what changes the direction of text, and what is invisible, except what joins letters
// and emoji or keeps them apart.
const FORBIDDEN = /[\\/:*?"<>|]|(?![\u200c\u200d])\p{C}/gu;

/** A name made of code and message that is not in `taken`, to which it is added. */
export function nameOf({ code, prefilledMessage }, ending, taken) {
  const words = `${code ?? "code"} ${prefilledMessage ?? ""}`.normalize("NFC").replace(FORBIDDEN, " ");
  const stem = [...words.replace(/\s+/g, " ")].slice(0, LENGTH).join("").replace(/^[. ]+|[. ]+$/g, "");
  let name = `${stem}.${ending}`;
  for (let again = 2; taken.has(name.toLowerCase()); again += 1) name = `${stem} (${again}).${ending}`;
  taken.add(name.toLowerCase());
  return name;
}
