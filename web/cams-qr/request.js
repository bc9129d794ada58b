// Requests. The browser caches answers, and revalidates them by their ETag.

/** What a status says if the function did not answer; 0 is nobody. */
const CODES = { 0: "unreachable", 401: "refused", 403: "refused", 429: "throttled", 503: "throttled" };
// Function Compute does not say how long.
const BUSY_SECONDS = 1;

/** What several want at the same time is done once, unless one of them has given up. */
const flights = new Map();

export function share(key, signal, start) {
  const land = () => flights.get(key) === flight && flights.delete(key);
  const flight = flights.get(key) ?? Promise.resolve(start()).finally(land);
  flights.set(key, flight);
  signal.addEventListener("abort", land);
  return flight;
}

export function urlOf(endpoint, phoneNumber, custSpaceId) {
  const query = new URLSearchParams({ ...(custSpaceId && { custSpaceId }), phoneNumber });
  return `${endpoint.replace(/\/+$/, "")}/qr-codes?${query}`;
}

/** The `list` or the `problem`. */
export function ask(url, headers, signal) {
  return share(JSON.stringify([url, ...headers]), signal, () => read(url, headers));
}

export const UNREACHABLE = problemOf({ status: 0 });

async function read(url, headers) {
  const response = await fetch(url, { headers, credentials: "omit" }).catch(() => ({ status: 0 }));
  const said = await response.json?.().catch(() => null);
  const isList = response.ok && Array.isArray(said?.qrCodes);
  return isList ? { list: said } : { problem: problemOf(response, said) };
}

function problemOf({ status, headers }, said) {
  const code = CODES[status];
  const retryAfter = secondsOf(headers?.get("Retry-After")) || (code === "throttled" && BUSY_SECONDS);
  const isOwn = typeof said?.code === "string" && said.type;
  const problem = isOwn ? said : { status, code: code ?? "internal_error", retryable: !!code };
  return { ...(retryAfter && { retryAfter }), ...problem };
}

/** Retry-After may be a date. */
function secondsOf(after) {
  return Number(after) || Math.max(0, Math.ceil((Date.parse(after) - Date.now()) / 1000));
}
