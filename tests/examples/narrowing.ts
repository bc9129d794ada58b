// Compiled, not run: the guarantees of the types in examples/typescript.

import type { Problem } from "./ask.js";

export function advice(problem: Problem): string {
  switch (problem.code) {
    case "invalid_request":
      return (problem.errors ?? []).map((error) => error.field).join();
    case "throttled":
    case "upstream_unavailable":
      return `in ${problem.retryAfter.toFixed()} seconds`;
    case "upstream_timeout":
      return "now";
    case "refused":
      return `${problem.status.toFixed()} ${problem.detail}`;
    case "not_allowed":
    case "origin_not_allowed":
    case "not_subscribed":
    case "permission_denied":
    case "not_found":
    case "not_owned":
    case "method_not_allowed":
    case "payload_too_large":
    case "unsupported_media_type":
    case "credentials_unavailable":
    case "internal_error":
    case "upstream_error":
    case "upstream_invalid_response":
      return problem.requestId;
    default:
      return problem satisfies never;
  }
}

export function forgetful(problem: Problem): string {
  switch (problem.code) {
    case "refused":
      return problem.detail;
    default:
      // @ts-expect-error: seventeen codes are missing
      return problem satisfies never;
  }
}

// @ts-expect-error: only two of them always have it
export const seconds = (problem: Problem): number => problem.retryAfter;
