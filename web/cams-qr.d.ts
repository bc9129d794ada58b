// The element, for TypeScript. The types of lists and problems are generated from docs/openapi.json.

import type { components } from "./cams-qr/schemas.js";

export type QrCode = components["schemas"]["QrCode"];
export type QrCodeList = components["schemas"]["QrCodeList"];
export type Problem = components["schemas"]["Problem"];

/** A failure without an answer from the function: the platform or a gateway answered instead, or nobody did. */
export interface Failure {
  /** 0 if nobody answered, or `token` or `headers` threw. */
  status: number;
  code: "refused" | "throttled" | "internal_error" | "unreachable";
  retryable: boolean;
  /** In seconds. */
  retryAfter?: number;
}

export class CamsQr extends HTMLElement {
  get phoneNumber(): string;
  set phoneNumber(value: string | null | undefined);
  /** The function's address; "/qr-codes" is added to it. */
  get endpoint(): string;
  set endpoint(value: string | null | undefined);
  get custSpaceId(): string;
  set custSpaceId(value: string | null | undefined);
  /** Called before each request; returns the token that goes after "Bearer". */
  token: (() => string | Promise<string>) | null;
  /** Called before each request; returns additional headers. */
  headers: (() => HeadersInit | Promise<HeadersInit>) | null;
  /** Sends the request again. */
  reload(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "cams-qr": CamsQr;
  }
  interface HTMLElementEventMap {
    "cams-qr-load": CustomEvent<QrCodeList>;
    "cams-qr-error": CustomEvent<Problem | Failure>;
  }
}
