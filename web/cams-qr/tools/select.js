// Selection by hand: arrow keys move from box to box; with Shift, keys and clicks select everything in between.

/** `select(codes, wanted)` is called with codes that are now selected, or no longer. */
export function selectByHand(list, select) {
  let anchor = null;

  list.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches("input")) return;
    const from = event.shiftKey && anchor?.isConnected ? anchor : box;
    select(codesBetween(list, from, box), box.checked);
    anchor = box;
  });

  list.addEventListener("keydown", (event) => {
    const box = event.target;
    if (!box.matches("input")) return;
    const boxes = boxesOf(list);
    if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      select(codesBetween(list, boxes.at(0), boxes.at(-1)), true);
    }
    const next = nextBox(boxes, box, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    if (event.shiftKey) select(codesBetween(list, box, next), true);
  });
}

function boxesOf(list) {
  return [...list.querySelectorAll("input")];
}

function codesBetween(list, one, other) {
  const boxes = boxesOf(list);
  const [first, last] = [boxes.indexOf(one), boxes.indexOf(other)].sort((a, b) => a - b);
  return boxes.slice(first, last + 1).map((box) => box.closest("li").code);
}

function nextBox(boxes, box, key) {
  const at = boxes.indexOf(box);
  const [before, after] = [boxes[at - 1], boxes[at + 1]];
  const forward = getComputedStyle(box).direction === "ltr" ? after : before;
  const steps = { ArrowDown: after, ArrowUp: before, Home: boxes.at(0), End: boxes.at(-1) };
  return { ...steps, ArrowRight: forward, ArrowLeft: forward === after ? before : after }[key];
}
