// Asking the function from a web page or from Node, with types made from docs/openapi.json (`npm run types`).

import type { components } from "./cams-qr.js";

export type QrCode = components["schemas"]["QrCode"];
export type QrCodeList = components["schemas"]["QrCodeList"];
export type Problem = components["schemas"]["Problem"];

/** The function answered with a problem; what to do depends on `problem.code`. */
export class QrCodesFailed extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** The QR codes of a number, each with `drawing`, the address of its image. Throws QrCodesFailed. */
export async function listQrCodes(
  address: string,
  phoneNumber: string,
  headers: HeadersInit = {},
  attempts = 3,
): Promise<(QrCode & { drawing: string | null })[]> {
  const response = await fetch(`${address}/qr-codes?${new URLSearchParams({ phoneNumber })}`, { headers });
  if (!response.ok) {
    if (!response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
      throw new Error(`Status ${response.status}, from somebody before the function: a gateway, or Function Compute`);
    }
    const problem = (await response.json()) as Problem;
    const { retryAfter } = problem;
    if (retryAfter !== undefined && attempts > 1) {
      await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
      return listQrCodes(address, phoneNumber, headers, attempts - 1);
    }
    throw new QrCodesFailed(problem);
  }
  const list = (await response.json()) as QrCodeList;
  return list.qrCodes.map((code) => ({
    ...code,
    drawing: code.svgUrl === null ? null : new URL(code.svgUrl, response.url).href,
  }));
}
