// The sentences of one language, fetched when it is chosen.

const LANGUAGES = { en: () => import("./en.js"), zh: () => import("./zh.js"), id: () => import("./id.js") };

/** Those of the first of the languages that there is, else English. */
export async function loadTexts(wanted) {
  const known = (tag) => Object.hasOwn(LANGUAGES, tag);
  const language = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find(known) ?? "en";
  const { text } = await LANGUAGES[language]();
  return { language, text };
}
