// <cams-qr>: state flows one way; events change it (#set), and the view follows. docs/web.md is the reference.

import { ask, toProblem, urlOf } from "./cams-qr/request.js";
import { makeView } from "./cams-qr/view.js";

const AUTOMATIC_RETRIES = 3;

const PROPERTIES = { phoneNumber: "phone-number", endpoint: "endpoint", custSpaceId: "cust-space-id" };
const LANGUAGES = {
  en: () => import("./cams-qr/texts/en.js"),
  zh: () => import("./cams-qr/texts/zh.js"),
  id: () => import("./cams-qr/texts/id.js"),
};

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
  static observedAttributes = [...Object.values(PROPERTIES), "lang"];

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
    // Properties that were set before the element was defined.
    for (const name of [...Object.keys(PROPERTIES), "token"]) this.#adopt(name);
    this.#root ??= this.attachShadow({ mode: this.getAttribute("shadow") === "closed" ? "closed" : "open" });
    this.#view ??= makeView(this.#root, this.#actions());
    addEventListener("beforeprint", this.#view.drawAll);
    if (this.#state.phase === "idle" || this.#search.signal.aborted) this.reload();
  }

  disconnectedCallback() {
    removeEventListener("beforeprint", this.#view.drawAll);
    // Moving an element disconnects and reconnects it.
    queueMicrotask(() => this.isConnected || this.#search.abort());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.#view) return;
    if (name === "lang") this.#translate();
    else this.reload();
  }

  /** A new token is tried at once if the last one was rejected. */
  get token() {
    return this.#token;
  }
  set token(value) {
    this.#token = value;
    if (this.#state.problem?.code === "refused") this.reload();
  }

  /** Sends the request again, once for all calls in one task. */
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
    const wanted = [this.closest("[lang]")?.lang ?? "", ...navigator.languages];
    const language = wanted.map((tag) => tag.split("-")[0]).find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
    const { text } = await LANGUAGES[language]();
    this.#words = { language, text };
    this.#set({});
  }

  async #load() {
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    this.#state = START;
    this.#set({ phase: this.phoneNumber ? "loading" : "idle" });
    const [answer] = await Promise.all([this.phoneNumber && this.#ask(), this.#translate()]);
    if (!answer || signal.aborted) return;
    if (answer.ok) this.#succeed(answer.said);
    else this.#fail(toProblem(answer), signal);
  }

  async #ask() {
    try {
      const headers = new Headers((await this.headers?.()) ?? {});
      const token = await this.#token?.();
      if (token) headers.set("Authorization", `Bearer ${token}`);
      return await ask(urlOf(this.endpoint, this.phoneNumber, this.custSpaceId), headers);
    } catch {
      return { ok: false, status: 0 };
    }
  }

  #succeed(list) {
    const { length } = list.qrCodes;
    this.#set({ phase: length ? "loaded" : "empty", list, shown: list.qrCodes });
    if (length !== 1) this.#fetchTools();
    this.#tell("cams-qr-load", list);
  }

  #fail(problem, signal) {
    const secondsLeft = problem.retryable ? (problem.retryAfter ?? 0) : 0;
    this.#set({ phase: "failed", problem, secondsLeft, asksByItself: secondsLeft > 0 && this.#retriesLeft > 0 });
    if (secondsLeft) this.#countDown(Date.now() + secondsLeft * 1000, signal);
    this.#tell("cams-qr-error", problem);
  }

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

  #actions() {
    return {
      retry: () => this.reload(),
      set: (change) => this.#set(change),
      openMenu: async (button, code) => (await this.#fetchTools())?.openMenu(button, code),
    };
  }

  async #fetchTools() {
    try {
      const { makeTools } = await import("./cams-qr/tools/tools.js");
      this.#tools ??= makeTools(this.#root, this.#actions());
      this.#set({});
    } catch {
      this.#set({ said: this.#words.text.problems.unreachable });
    }
    return this.#tools;
  }
}

for (const [name, attribute] of Object.entries(PROPERTIES)) {
  Object.defineProperty(CamsQr.prototype, name, {
    get() {
      return this.getAttribute(attribute) ?? "";
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
  });
}

if (!customElements.get("cams-qr")) customElements.define("cams-qr", CamsQr);
