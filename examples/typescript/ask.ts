// Queries the function from a web page or from Node, with types generated from docs/openapi.json (`npm run types`).

import type { components } from "./cams-qr.js";

type Described = components["schemas"]["Problem"];
type OfCode<Code> = Code extends Described["code"]
  ? Described & { code: Code } & (Code extends "throttled" | "upstream_unavailable" ? { retryAfter: number } : unknown)
  : never;

/** The trigger, the gateway or Function Compute rejected the request before the function ran. */
export type Refused = { code: "refused"; status: number; detail: string };
/** One type for each code: a `switch` on it narrows, and the compiler reports missing cases. */
export type Problem = OfCode<Described["code"]> | Refused;
export type Query = { phoneNumber: string } | { phoneNumber: string; custSpaceId: string };
export type QrCodeList = components["schemas"]["QrCodeList"];
export type Answer = { ok: true; list: QrCodeList } | { ok: false; problem: Problem };

export interface Options {
  /** Authenticates, such as `async () => ({ Authorization: "Bearer …" })`; called before each request. */
  headers?: () => Promise<Record<string, string>>;
  /** The most requests per call, counting those answered with Retry-After. */
  attempts?: number;
}

/** A client of the function at `endpoint`; `svgUrl` is absolute. Caches lists by ETag. Throws what `fetch` throws. */
export function client(endpoint: string, { headers = async () => ({}), attempts = 3 }: Options = {}) {
  const kept = new Map<string, { etag: string; list: QrCodeList }>();

  /** Requests any route that returns a list, also by POST. */
  async function ask(route: string, init: RequestInit = {}): Promise<Answer> {
    const known = init.method ? undefined : kept.get(route);
    const condition: Record<string, string> = known ? { "If-None-Match": known.etag } : {};
    for (let left = attempts; ; left -= 1) {
      const sent = { ...condition, ...(await headers()), ...(init.headers as Record<string, string>) };
      const response = await fetch(`${endpoint}/${route}`, { ...init, headers: sent });
      if (response.status === 304 && known) return { ok: true, list: known.list };
      if (response.ok) return { ok: true, list: await listOf(response, route) };
      // Function Compute's own answers have no Retry-After, and on its default domain pages cannot read the function's.
      const after = Number(response.headers.get("Retry-After") ?? ([429, 503].includes(response.status) ? 1 : NaN));
      if (Number.isNaN(after) || left <= 1) return { ok: false, problem: await problemOf(response) };
      await new Promise((resolve) => setTimeout(resolve, after * 1000));
    }
  }

  async function listOf(response: Response, route: string): Promise<QrCodeList> {
    const list = (await response.json()) as QrCodeList;
    const absolute = (url: string | null) => url && new URL(url, response.url).href;
    list.qrCodes = list.qrCodes.map((code) => ({ ...code, svgUrl: absolute(code.svgUrl) }));
    const etag = response.headers.get("ETag");
    if (etag) kept.set(route, { etag, list });
    return list;
  }

  return { ask, list: (query: Query) => ask(`qr-codes?${new URLSearchParams(query)}`) };
}

async function problemOf(response: Response): Promise<Problem> {
  const isOurs = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  return isOurs ? await response.json() : { code: "refused", status: response.status, detail: await response.text() };
}
