// Queries the function from a web page or from Node, with types generated from docs/openapi.json (`npm run types`).

import type { components } from "./cams-qr.js";

type Described = components["schemas"]["Problem"];
type OfCode<Code> = Code extends Described["code"]
  ? Described & { code: Code } & (Code extends "throttled" | "upstream_unavailable" ? { retryAfter: number } : unknown)
  : never;

/** Not the function's answer: the request was rejected before it ran, or (200) the function does not start. */
export type Refused = { code: "refused"; status: number; detail: string };
/** One type for each code: a `switch` on it narrows, and the compiler reports missing cases. */
export type Problem = OfCode<Described["code"]> | Refused;
export type Query = { phoneNumber: string } | { phoneNumber: string; custSpaceId: string };
export type QrCodeList = components["schemas"]["QrCodeList"];
export type Answer = { ok: true; list: QrCodeList } | { ok: false; problem: Problem };

export interface Options {
  /** Authenticates, such as `async () => ({ Authorization: "Bearer …" })`; called before each request. */
  headers?: () => Promise<Record<string, string>>;
  /** The most requests per call, counting those answered with a time to wait, or with Function Compute's own 429. */
  attempts?: number;
}

/** A client of the function at `endpoint`; `svgUrl` is absolute. Caches lists by ETag. Throws what `fetch` throws. */
export function client(endpoint: string, { headers = async () => ({}), attempts = 3 }: Options = {}) {
  const kept = new Map<string, { etag: string; list: QrCodeList }>();

  /** Requests any route that returns a list, also by POST. */
  async function ask(route: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Answer> {
    const known = init.method ? undefined : kept.get(route);
    for (let left = attempts; ; left -= 1) {
      const sent = { ...(known && { "If-None-Match": known.etag }), ...(await headers()), ...init.headers };
      const response = await fetch(`${endpoint}/${route}`, { ...init, headers: sent });
      if (response.status === 304 && known) return { ok: true, list: known.list };
      const list = response.ok && (await listOf(response, route));
      if (list) return { ok: true, list };
      const problem = await problemOf(response);
      const after = "retryAfter" in problem ? problem.retryAfter : response.status === 429 ? 1 : undefined;
      if (after === undefined || left <= 1) return { ok: false, problem };
      await new Promise((resolve) => setTimeout(resolve, after * 1000));
    }
  }

  async function listOf(response: Response, route: string): Promise<QrCodeList | null> {
    const list = (await response.clone().json().catch(() => null)) as QrCodeList | null;
    if (!Array.isArray(list?.qrCodes)) return null;
    for (const code of list.qrCodes) code.svgUrl &&= new URL(code.svgUrl, response.url).href;
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
