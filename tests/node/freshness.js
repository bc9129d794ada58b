// Prints for how many milliseconds a browser's cache reuses each answer, and whether a shared cache may store it; the
// answers' headers are in argv as JSON.
const CachePolicy = require("http-cache-semantics");

const request = { method: "GET", url: "/qr-codes", headers: {} };
const judge = (headers) => {
  const response = { status: 200, headers };
  const browser = new CachePolicy(request, response, { shared: false });
  return [browser.storable() ? browser.timeToLive() : 0, new CachePolicy(request, response).storable()];
};
console.log(JSON.stringify(JSON.parse(process.argv[2]).map(judge)));
