// Which codes are shown, and in which order.

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const fields = { message: (code) => code.prefilledMessage ?? "", code: (code) => code.code ?? "" };

/** The list's codes whose message or code contains every word of the filter, sorted. */
export function shownCodes({ list, filter = "", sort }) {
  const words = fold(filter).split(/\s+/);
  const holds = (code) => {
    const where = fold(`${fields.message(code)} ${fields.code(code)}`);
    return words.every((word) => where.includes(word));
  };
  const found = list ? list.qrCodes.filter(holds) : [];
  const field = fields[sort];
  return field ? found.sort((a, b) => collator.compare(field(a), field(b))) : found;
}

/** Makes Café and CAFE equal. */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase().trim();
}
