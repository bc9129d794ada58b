// Lists the QR codes of a number from Node, signed: `node ask_http.mjs https://… 8613800001234`. With `--domain` at the
// end, the request is signed for a custom domain, which has another scheme than the HTTP trigger (docs/calling.md).
// Needs `@alicloud/openapi-util` (0.3.3 here), and an access key in the environment.

import openapi from "@alicloud/openapi-util";

const signer = openapi.default;
const {
  ALIBABA_CLOUD_ACCESS_KEY_ID: id,
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret,
  ALIBABA_CLOUD_SECURITY_TOKEN: token,
} = process.env;

/** The list. Throws if there is none; the message says why. */
async function list(endpoint, phoneNumber, sign) {
  const url = new URL(`${endpoint}/qr-codes?${new URLSearchParams({ phoneNumber })}`);
  const response = await fetch(url, { headers: sign("GET", url), redirect: "error" });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  const found = JSON.parse(text);
  // Function Compute answers 200 then, too.
  if (!found.qrCodes) throw new Error(`The function does not start: ${found.errorMessage}`);
  return found;
}

/** The headers for an HTTP trigger; the body is not signed. */
function forTrigger(method, url) {
  const headers = { "x-acs-date": new Date().toISOString(), ...(token && { "x-acs-security-token": token }) };
  const authorization = signer.getAuthorization(requestOf(method, url, headers), "ACS3-HMAC-SHA256", "", id, secret);
  return { ...headers, authorization };
}

/** The headers for a custom domain; Accept is signed, and so would be Content-Type. */
function forDomain(method, url) {
  const date = new Date().toUTCString();
  const headers = { accept: "application/json", date, ...(token && { "x-acs-security-token": token }) };
  const text = signer.getStringToSign(requestOf(method, url, headers));
  return { ...headers, authorization: `acs ${id}:${signer.getROASignature(text, secret)}` };
}

function requestOf(method, url, headers) {
  return { method, pathname: url.pathname, query: Object.fromEntries(url.searchParams), headers };
}

const [endpoint, phoneNumber, option] = process.argv.slice(2);
const { qrCodes } = await list(endpoint, phoneNumber, option === "--domain" ? forDomain : forTrigger);
for (const { code, deepLinkUrl } of qrCodes) console.log(code, deepLinkUrl);
