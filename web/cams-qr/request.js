// One question to the function, and what went wrong with it. That an answer is kept as long as its headers allow, and
// revalidated by its ETag, is the browser's doing.

// What may pass, whoever says so: the function, or Function Compute, which does not tell for how long.
const BUSY = [429, 503];
const BUSY_SECONDS = 1;
const REFUSED = [401, 403];

/** Who asks the same at the same time shares one request. */
const flights = new Map();

export function urlOf(endpoint, phoneNumber, custSpaceId) {
  const query = new URLSearchParams({ ...(custSpaceId && { custSpaceId }), phoneNumber });
  return `${endpoint.replace(/\/+$/, "")}/qr-codes?${query}`;
}

/** The answer; `said` is its JSON, null where it is none. The request ends when nobody waits for it any longer. */
export function ask(url, headers, signal) {
  const key = JSON.stringify([url, ...headers]);
  const flight = flights.get(key) ?? takeOff(key, url, headers);
  flight.waiting += 1;
  signal.addEventListener("abort", () => {
    flight.waiting -= 1;
    if (!flight.waiting) flight.end();
  });
  return flight.answer;
}

function takeOff(key, url, headers) {
  const controller = new AbortController();
  const land = () => flights.get(key) === flight && flights.delete(key);
  const answer = read(url, { headers, signal: controller.signal, credentials: "omit" }).finally(() => land());
  const flight = { answer, waiting: 0, end: () => (land(), controller.abort()) };
  flights.set(key, flight);
  return flight;
}

async function read(url, options) {
  const response = await fetch(url, options);
  const { status } = response;
  const said = await response.json().catch(() => null);
  const seconds = Number(response.headers.get("Retry-After")) || (BUSY.includes(status) ? BUSY_SECONDS : 0);
  return { ok: response.ok && Array.isArray(said?.qrCodes), status, seconds, said };
}

/** The function's own problem, or what the status says where somebody before it answered, or nobody did. */
export function toProblem({ status, seconds, said }) {
  const wait = seconds ? { retryAfter: seconds } : {};
  if (typeof said?.code === "string" && said.type) return { ...said, ...wait };
  const [busy, refused] = [BUSY, REFUSED].map((statuses) => statuses.includes(status));
  const code = busy ? "throttled" : refused ? "refused" : status ? "internal_error" : "unreachable";
  return { status, code, retryable: busy || refused || !status, ...wait };
}
