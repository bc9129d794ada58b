// The function's address, and what requests to it need. Change these for your deployment, together with `connect-src`
// in index.html.

/** The function's address; "/qr-codes" is added to it. */
export const address = new URL("../", import.meta.url).href.replace(/\/$/, "");

/** What each search sends besides the number, such as {custSpaceId: "…"}. */
export const parameters = {};

/** The headers of each request, such as {Authorization: `Bearer ${await yourToken()}`}. */
export async function headers() {
  return {};
}
