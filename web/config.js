// Where the function is, and what a request to it needs. Change them for your deployment, and `connect-src` in
// index.html with them.

/** The function's address; "/qr-codes" is added to it. */
export const address = new URL("../", import.meta.url).href.replace(/\/$/, "");

/** What each search asks besides the number, such as {custSpaceId: "…"}. */
export const parameters = {};

/** The headers of each request, such as {Authorization: `Bearer ${await yourToken()}`}. */
export async function headers() {
  return {};
}
