// <cams-qr>: events change its state (#set), and what is seen follows. See docs/web.md.

import { ask, share, UNREACHABLE, urlOf } from "./cams-qr/request.js";
import { makeView } from "./cams-qr/view.js";

const AUTOMATIC_RETRIES = 3;

const ATTRIBUTES = { phoneNumber: "phone-number", endpoint: "endpoint", custSpaceId: "cust-space-id" };
const FUNCTIONS = ["token", "headers"];
const LANGUAGES = ["en", "zh", "id"];
// Some browsers never fetch a module again by a URL that failed.
const again = (path) => () =>
  import(/* @vite-ignore */ new URL(/* @vite-ignore */ `./cams-qr/${path}.js?${Date.now()}`, import.meta.url));
// Until the texts arrive, if they do.
const WORDLESS = {
  language: "en",
  text: { tryAgain: "Try again", problems: { unreachable: "The service could not be reached." } },
};

const START = {
  phase: "idle",
  list: null,
  shown: [],
  selected: new Set(),
  problem: null,
  secondsLeft: 0,
};

export class CamsQr extends HTMLElement {
  static observedAttributes = [...Object.values(ATTRIBUTES), "lang"];

  #functions = { token: null, headers: null };
  #state = START;
  #search = new AbortController();
  #retriesLeft = AUTOMATIC_RETRIES;
  #scheduled = false;
  #root;
  #view;
  #language;
  #words = WORDLESS;
  #tools;

  static {
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      Object.defineProperty(this.prototype, name, {
        get() {
          return this.getAttribute(attribute) ?? "";
        },
        set(value) {
          if (value == null) this.removeAttribute(attribute);
          else this.setAttribute(attribute, value);
        },
      });
    }
    for (const name of FUNCTIONS) {
      Object.defineProperty(this.prototype, name, {
        get() {
          return this.#functions[name];
        },
        set(value) {
          this.#functions[name] = value;
          this.#retryWith();
        },
      });
    }
  }

  connectedCallback() {
    // Properties that were set before the element was defined.
    for (const name of [...Object.keys(ATTRIBUTES), ...FUNCTIONS]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    this.#root ??= this.attachShadow({ mode: this.getAttribute("shadow") === "closed" ? "closed" : "open" });
    this.#view ??= makeView(this.#root, this.#actions());
    addEventListener("beforeprint", this.#view.drawAll);
    if (this.#state.phase === "idle" || this.#search.signal.aborted) this.reload();
  }

  disconnectedCallback() {
    removeEventListener("beforeprint", this.#view.drawAll);
    // It may only be moved.
    queueMicrotask(() => this.isConnected || this.#search.abort());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.#view) return;
    if (name === "lang") this.#translate();
    else this.reload();
  }

  reload() {
    this.#retriesLeft = AUTOMATIC_RETRIES;
    this.#schedule();
  }

  /** After a failure, but not forever: a page may set a function whenever it hears of one. */
  #retryWith() {
    const { problem, secondsLeft } = this.#state;
    if (!problem?.retryable || secondsLeft || !this.#retriesLeft) return;
    this.#retriesLeft -= 1;
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.isConnected) this.#load();
    });
  }

  #set(change) {
    this.#state = { ...this.#state, ...change };
    this.#view.render(this.#state, this.#words);
    this.#tools?.render(this.#state, this.#words);
  }

  async #translate() {
    const own = LANGUAGES.find((tag) => this.matches(`:lang(${tag})`));
    const theirs = navigator.languages.map((tag) => tag.split("-")[0]);
    const language = own ?? theirs.find((tag) => LANGUAGES.includes(tag)) ?? "en";
    this.#language = language;
    const texts = import(`./cams-qr/texts/${language}.js`).catch(again(`texts/${language}`));
    const { text } = await texts.catch(() => ({}));
    if (!text || language !== this.#language) return;
    this.#words = { language, text };
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
    if (this.#words === WORDLESS) this.#fail(UNREACHABLE, signal);
    else if (answer.list) this.#succeed(answer.list);
    else this.#fail(answer.problem, signal);
  }

  async #ask(signal) {
    const url = urlOf(this.endpoint, this.phoneNumber, this.custSpaceId);
    try {
      const calls = FUNCTIONS.map((name) => this.#functions[name]).map((call) => call && share(call, signal, call));
      const [token, given] = await Promise.all(calls);
      const headers = new Headers(given ?? {});
      if (token) headers.set("Authorization", `Bearer ${token}`);
      return !signal.aborted && (await ask(url, headers, signal));
    } catch (error) {
      reportError(error);
      return { problem: { status: 0, code: "refused", retryable: true } };
    }
  }

  #succeed(list) {
    const { length } = list.qrCodes;
    this.#retriesLeft = AUTOMATIC_RETRIES;
    this.#set({ phase: length ? "loaded" : "empty", list, shown: list.qrCodes });
    if (length !== 1) this.#fetchTools();
    this.#tell("cams-qr-load", list);
  }

  #fail(problem, signal) {
    const secondsLeft = problem.retryable ? (problem.retryAfter ?? 0) : 0;
    this.#set({ phase: "failed", problem, secondsLeft, asksByItself: secondsLeft && this.#retriesLeft });
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
      const { makeTools } = await import("./cams-qr/tools/tools.js").catch(again("tools/tools"));
      this.#tools ??= makeTools(this.#root, this.#actions());
      this.#set({ said: "" });
    } catch {
      this.#set({ said: "unreachable" });
    }
    return this.#tools;
  }
}

customElements.get("cams-qr") ?? customElements.define("cams-qr", CamsQr);
