// One request to the function. The browser caches answers, and revalidates them by ETag.

// Function Compute does not say for how long.
const BUSY = [429, 503];
const BUSY_SECONDS = 1;
const REFUSED = [401, 403];

/** Identical requests at the same time share one. */
const flights = new Map();

export function urlOf(endpoint, phoneNumber, custSpaceId) {
  const query = new URLSearchParams({ ...(custSpaceId && { custSpaceId }), phoneNumber });
  return `${endpoint.replace(/\/+$/, "")}/qr-codes?${query}`;
}

/** The answer; `said` is its JSON, or null. Throws TypeError if there is no answer. */
export function ask(url, headers) {
  const key = JSON.stringify([url, ...headers]);
  const flight = flights.get(key) ?? read(url, headers).finally(() => flights.delete(key));
  flights.set(key, flight);
  return flight;
}

async function read(url, headers) {
  const response = await fetch(url, { headers, credentials: "omit" });
  const { status } = response;
  const said = await response.json().catch(() => null);
  const seconds = Number(response.headers.get("Retry-After")) || (BUSY.includes(status) ? BUSY_SECONDS : 0);
  return { ok: response.ok && Array.isArray(said?.qrCodes), status, seconds, said };
}

/** The function's own problem, or a failure by status if the platform or a gateway answered, or nobody did. */
export function toProblem({ status, seconds, said }) {
  const wait = seconds ? { retryAfter: seconds } : {};
  if (typeof said?.code === "string" && said.type) return { ...wait, ...said };
  const [busy, refused] = [BUSY, REFUSED].map((statuses) => statuses.includes(status));
  const code = busy ? "throttled" : refused ? "refused" : status ? "internal_error" : "unreachable";
  return { status, code, retryable: busy || refused || !status, ...wait };
}
