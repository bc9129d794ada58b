// The page: a number is typed, its QR codes are shown as cards, or a sentence says why not.
// Whatever comes from outside is put in as text, never as HTML.

import { address, headers, parameters } from "./config.js";
import { pickLanguage, texts } from "./texts.js";

const AUTOMATIC_RETRIES = 3;
// What may pass, whoever says so: the function, or Function Compute, which does not tell for how long.
const BUSY = [429, 503];
const BUSY_SECONDS = 1;
const language = pickLanguage(navigator.languages);
const text = texts[language];

const element = (id) => document.getElementById(id);
const [form, input] = ["search", "phone-number"].map(element);
const [status, message, retry, cards] = ["status", "message", "retry", "cards"].map(element);

let search = new AbortController();
let lastImage = Promise.resolve();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(input.value, AUTOMATIC_RETRIES);
});
addEventListener("afterprint", () => document.querySelector(".printed")?.classList.remove("printed"));
translate();

function translate() {
  document.documentElement.lang = language;
  document.title = text.title;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text[node.dataset.text];
}

async function ask(phoneNumber, retriesLeft) {
  search.abort();
  search = new AbortController();
  const { signal } = search;
  clear();
  status.textContent = text.loading;
  cards.setAttribute("aria-busy", "true");
  try {
    const query = new URLSearchParams({ ...parameters, phoneNumber });
    const response = await request(`${address}/qr-codes?${query}`, signal);
    if (response.ok) showList(await response.json(), response.url, signal);
    else showProblem(await problemOf(response), phoneNumber, retriesLeft, signal);
  } catch (error) {
    if (!signal.aborted) showFailure(text.unreachable, "", () => ask(phoneNumber, AUTOMATIC_RETRIES));
  } finally {
    if (!signal.aborted) cards.removeAttribute("aria-busy");
  }
}

async function request(url, signal) {
  return fetch(url, { headers: await headers(), signal, credentials: "omit" });
}

/** Seconds after which to ask again; 0 where that is no use, or nobody says. */
function secondsToWait(response) {
  return Number(response.headers.get("Retry-After")) || (BUSY.includes(response.status) ? BUSY_SECONDS : 0);
}

/** What went wrong: the function's own problem, or what the status says where somebody before it answered. */
async function problemOf(response) {
  const said = await response.json().catch(() => null);
  const seconds = secondsToWait(response);
  if (said && Object.hasOwn(text.problems, said.code)) {
    return { ...said, sentence: text.problems[said.code], seconds };
  }
  const busy = BUSY.includes(response.status);
  const refused = [401, 403].includes(response.status);
  const sentence = busy ? text.problems.throttled : refused ? text.refused : text.problems.internal_error;
  return { sentence, retryable: busy || refused, seconds };
}

function clear() {
  if (document.activeElement === retry) input.focus();
  for (const image of cards.querySelectorAll("img[src]")) URL.revokeObjectURL(image.src);
  cards.replaceChildren();
  message.replaceChildren();
  retry.hidden = true;
  status.textContent = "";
  input.removeAttribute("aria-invalid");
}

function showList(list, base, signal) {
  const said = [list.qrCodes.length ? text.found(list.qrCodes.length) : text.none];
  if (list.stale) said.push(text.stale(new Date(list.fetchedAt).toLocaleString(language)));
  status.textContent = said.join(" ");
  const drawings = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((seen) => seen.isIntersecting)) {
      drawings.unobserve(entry.target);
      entry.target.dispatchEvent(new Event("seen"));
    }
  });
  signal.addEventListener("abort", () => drawings.disconnect());
  for (const code of list.qrCodes) {
    const card = makeCard(code, base, signal);
    cards.append(card);
    drawings.observe(card);
  }
}

function makeCard(code, base, signal) {
  const card = element("card").content.firstElementChild.cloneNode(true);
  const part = (name) => card.querySelector(`.${name}`);
  const name = code.code ?? "";
  part("code").textContent = name;
  part("code").id = `code-${cards.children.length}`;
  for (const button of card.querySelectorAll("button")) button.setAttribute("aria-describedby", part("code").id);
  part("prefilled").textContent = code.prefilledMessage || text.noMessage;
  showLink(part("link"), part("copy"), code.deepLinkUrl);
  const drawing = code.svgUrl && ((format) => new URL(code.svgUrl.replace(".svg?", `.${format}?`), base).href);
  for (const format of ["svg", "png"]) {
    const button = part(format);
    button.textContent = text.download(format.toUpperCase());
    button.hidden = !drawing;
    button.addEventListener("click", () => save(drawing(format), `${name}.${format}`, signal));
  }
  const print = part("print");
  print.textContent = text.print;
  print.hidden = !drawing;
  print.disabled = true;
  print.addEventListener("click", () => {
    card.classList.add("printed");
    window.print();
  });
  const image = part("drawing");
  image.addEventListener("load", () => (print.disabled = false));
  image.alt = drawing ? text.drawing(name, code.prefilledMessage) : text.notDrawn;
  card.addEventListener("seen", () => drawing && draw(image, drawing("svg"), signal), { once: true });
  return card;
}

function showLink(link, copy, url) {
  link.textContent = url ?? "";
  // Anything else, such as javascript:, stays text.
  if (url?.startsWith("https://")) link.href = url;
  link.hidden = copy.hidden = !url;
  copy.textContent = text.copy;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(url);
      status.textContent = text.copied;
    } catch {
      status.textContent = text.notCopied;
    }
  });
}

async function draw(image, url, signal) {
  try {
    image.src = URL.createObjectURL(await fetchImage(url, signal));
  } catch {
    if (!signal.aborted) image.alt = text.notDrawn;
  }
}

/** One image after another, for a deployment may have one instance, which answers one request at a time. */
function fetchImage(url, signal) {
  const image = lastImage.then(() => fetchPatiently(url, signal, AUTOMATIC_RETRIES));
  lastImage = image.catch(() => {});
  return image;
}

async function fetchPatiently(url, signal, retriesLeft) {
  const response = await request(url, signal);
  if (response.ok) return response.blob();
  if (!BUSY.includes(response.status) || !retriesLeft) throw new Error(`status ${response.status}`);
  await new Promise((resolve) => {
    setTimeout(resolve, secondsToWait(response) * 1000);
    signal.addEventListener("abort", resolve, { once: true });
  });
  return fetchPatiently(url, signal, retriesLeft - 1);
}

/** A link of another origin cannot be downloaded by an attribute, nor with an Authorization header. */
async function save(url, name, signal) {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await fetchImage(url, signal));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch {
    if (!signal.aborted) status.textContent = text.notDrawn;
  }
}

function showProblem(problem, phoneNumber, retriesLeft, signal) {
  if (problem.code === "invalid_request") {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
  const again = () => ask(phoneNumber, AUTOMATIC_RETRIES);
  showFailure(problem.sentence, problem.requestId ?? "", problem.retryable ? again : null);
  if (problem.retryable && problem.seconds > 0) {
    countDown(problem.seconds, signal, retriesLeft > 0 ? () => ask(phoneNumber, retriesLeft - 1) : null);
  }
}

function showFailure(sentence, requestId, again) {
  status.textContent = "";
  const said = document.createElement("p");
  said.textContent = sentence;
  message.replaceChildren(said);
  if (requestId) {
    const id = document.createElement("p");
    id.className = "request";
    id.textContent = text.request(requestId);
    message.append(id);
  }
  retry.hidden = !again;
  retry.disabled = false;
  retry.textContent = text.tryAgain;
  retry.onclick = again;
}

/** Shows how long to wait; then asks again by itself, or lets the button be pressed where it has done so too often. */
function countDown(seconds, signal, askAgain) {
  const until = Date.now() + seconds * 1000;
  retry.disabled = true;
  // Said once; nobody wants to hear each second.
  if (askAgain) status.textContent = text.willTryAgain(seconds);
  const tick = () => {
    if (signal.aborted) return;
    const left = Math.ceil((until - Date.now()) / 1000);
    retry.textContent = left > 0 ? text.tryAgainIn(left) : text.tryAgain;
    if (left > 0) setTimeout(tick, 200);
    else if (askAgain) askAgain();
    else retry.disabled = false;
  };
  tick();
}
