// <cams-qr phone-number="8613800001234" endpoint="https://…">: the QR codes of a WhatsApp business number.
// State goes one way: what happens changes it (#set), and the view follows. What many codes need is in
// cams-qr/tools/, which is fetched when there are many, or when a menu is first opened.

import { ask, toProblem, urlOf } from "./cams-qr/request.js";
import { loadTexts } from "./cams-qr/texts/index.js";
import { makeView } from "./cams-qr/view.js";

const AUTOMATIC_RETRIES = 3;

/** `shown` are the codes that a filter lets through, in order; `said` is what the status says instead of the count. */
const START = {
  phase: "idle",
  list: null,
  shown: [],
  selected: new Set(),
  problem: null,
  secondsLeft: 0,
  asksByItself: false,
  said: "",
};

export class CamsQr extends HTMLElement {
  static observedAttributes = ["phone-number", "endpoint", "cust-space-id", "lang"];

  /** Gives more headers for each request. */
  headers = null;
  #token = null;
  #state = START;
  #search = new AbortController();
  #retriesLeft = AUTOMATIC_RETRIES;
  #scheduled = false;
  #root;
  #view;
  #words;
  #tools;

  connectedCallback() {
    // Frameworks may have set properties before the element was defined: let the setters see them.
    for (const name of ["phoneNumber", "endpoint", "custSpaceId", "token"]) this.#adopt(name);
    this.#root ??= this.attachShadow({ mode: this.getAttribute("shadow") === "closed" ? "closed" : "open" });
    this.#view ??= makeView(this.#root, this.#actions());
    addEventListener("beforeprint", this.#view.drawAll);
    if (this.#state.phase === "idle" || this.#search.signal.aborted) this.reload();
  }

  disconnectedCallback() {
    removeEventListener("beforeprint", this.#view.drawAll);
    // Whoever moves an element takes it out and puts it in again.
    queueMicrotask(() => this.isConnected || this.#search.abort());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.#view) return;
    if (name === "lang") this.#translate();
    else this.reload();
  }

  get phoneNumber() {
    return this.getAttribute("phone-number") ?? "";
  }
  set phoneNumber(value) {
    this.setAttribute("phone-number", value);
  }

  get endpoint() {
    return this.getAttribute("endpoint") ?? "";
  }
  set endpoint(value) {
    this.setAttribute("endpoint", value);
  }

  get custSpaceId() {
    return this.getAttribute("cust-space-id") ?? "";
  }
  set custSpaceId(value) {
    this.setAttribute("cust-space-id", value);
  }

  /** Asked before each request for what goes after "Bearer". A new one is tried at once where the last was refused. */
  get token() {
    return this.#token;
  }
  set token(value) {
    this.#token = value;
    if (this.#state.problem?.code === "refused") this.reload();
  }

  /** Asks once more, when the running task is done, however often this is called until then. */
  reload() {
    this.#retriesLeft = AUTOMATIC_RETRIES;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.isConnected) this.#load();
    });
  }

  #adopt(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  #set(change) {
    this.#state = { ...this.#state, ...change };
    if (!this.#words) return;
    this.#view.render(this.#state, this.#words);
    this.#tools?.render(this.#state, this.#words);
  }

  async #translate() {
    const near = this.closest("[lang]")?.lang ?? "";
    this.#words = await loadTexts([near, ...navigator.languages]);
    this.#set({});
  }

  async #load() {
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    this.#state = START;
    this.#set({ phase: this.phoneNumber ? "loading" : "idle" });
    const [answer] = await Promise.all([this.phoneNumber && this.#ask(signal), this.#translate()]);
    if (!answer || signal.aborted) return;
    if (answer.ok) this.#succeed(answer.said);
    else this.#fail(toProblem(answer), signal);
  }

  async #ask(signal) {
    try {
      const headers = new Headers((await this.headers?.()) ?? {});
      const token = await this.#token?.();
      if (token) headers.set("Authorization", `Bearer ${token}`);
      return await ask(urlOf(this.endpoint, this.phoneNumber, this.custSpaceId), headers, signal);
    } catch {
      return { ok: false, status: 0 };
    }
  }

  #succeed(list) {
    const { length } = list.qrCodes;
    this.#set({ phase: length ? "loaded" : "empty", list, shown: list.qrCodes });
    if (length > 1) this.#fetchTools();
    this.#tell("cams-qr-load", list);
  }

  #fail(problem, signal) {
    const secondsLeft = problem.retryable ? (problem.retryAfter ?? 0) : 0;
    this.#set({ phase: "failed", problem, secondsLeft, asksByItself: secondsLeft > 0 && this.#retriesLeft > 0 });
    if (secondsLeft) this.#countDown(Date.now() + secondsLeft * 1000, signal);
    this.#tell("cams-qr-error", problem);
  }

  /** Shows how long to wait; then asks by itself, or lets the button be pressed where it has done so too often. */
  #countDown(until, signal) {
    if (signal.aborted) return;
    const secondsLeft = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    if (secondsLeft !== this.#state.secondsLeft) this.#set({ secondsLeft });
    if (secondsLeft) return void setTimeout(() => this.#countDown(until, signal), 200);
    if (!this.#state.asksByItself) return;
    this.#retriesLeft -= 1;
    this.#load();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** What the view and the tools ask for. */
  #actions() {
    return {
      retry: () => this.reload(),
      set: (change) => this.#set(change),
      openMenu: async (button, code) => (await this.#fetchTools()).openMenu(button, code),
    };
  }

  async #fetchTools() {
    const { makeTools } = await import("./cams-qr/tools/tools.js");
    this.#tools ??= makeTools(this.#root, this.#actions());
    this.#set({});
    return this.#tools;
  }
}

if (!customElements.get("cams-qr")) customElements.define("cams-qr", CamsQr);
