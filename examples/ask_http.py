"""Query cams-qr over HTTP, with a token or signed. Returns problems, and honours Retry-After and ETag.

Needs `requests` (2.34.2 here) and, to sign, what signature.py needs.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import requests
from alibabacloud_credentials.client import Client as CredentialClient
from requests import PreparedRequest, Response

from examples.answers import Answer, Problem, QrCodeList
from examples.signature import sign_for_domain, sign_for_trigger

Authorise = Callable[[PreparedRequest], PreparedRequest]


class QrCodesFailed(Exception):
    """There is no drawing; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem["code"], problem["detail"])
        self.problem = problem


def with_token(token: Callable[[], str]) -> Authorise:
    """For a deployment that requires JSON Web Tokens; `token` is called for each request."""

    def authorise(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token()}"
        return request

    return authorise


def with_signature(credentials: CredentialClient) -> Authorise:
    """For a trigger that requires signatures; `CredentialClient()` finds credentials as the vendor's tools do."""

    def authorise(request: PreparedRequest) -> PreparedRequest:
        request.headers.update(sign_for_trigger(credentials, str(request.method), str(request.url)))
        return request

    return authorise


def with_domain_signature(credentials: CredentialClient) -> Authorise:
    """For a custom domain that requires signatures; docs/calling.md says more of the two schemes."""

    def authorise(request: PreparedRequest) -> PreparedRequest:
        sent = {name: str(value) for name, value in request.headers.items()}
        request.headers.update(sign_for_domain(credentials, str(request.method), str(request.url), sent))
        return request

    return authorise


class Caller:
    """A client of the function at `endpoint`, with at most `attempts` requests per call. Caches lists by ETag.

    All methods raise the exceptions of `requests` if there is no response.
    """

    def __init__(self, endpoint: str, authorise: Authorise, attempts: int = 3) -> None:
        self.endpoint = endpoint
        self.authorise = authorise
        self.attempts = attempts
        self._kept: dict[str, tuple[str, QrCodeList]] = {}

    def list_codes(self, **query: str) -> Answer:
        """The QR codes for `phoneNumber`, and `custSpaceId` if given; each `svgUrl` is relative to the endpoint."""
        return self.ask("GET", f"qr-codes?{urlencode(query)}")

    def ask(self, method: str, route: str, **options: Any) -> Answer:
        """Request any route that returns a list; `options` are those of `requests`."""
        kept = self._kept.get(route) if method == "GET" else None
        condition = {"If-None-Match": kept[0]} if kept else {}
        response = self._send(method, route, headers={**condition, **options.pop("headers", {})}, **options)
        if response.status_code == 304 and kept:
            return {"status": 200, "result": kept[1]}
        found = _list(response)
        if found is None:
            return {"status": response.status_code, "problem": _problem(response)}
        if "ETag" in response.headers:
            self._kept[route] = response.headers["ETag"], found
        return {"status": 200, "result": found}

    def draw(self, route: str) -> bytes:
        """A drawing, by its `svgUrl`. Raises QrCodesFailed."""
        response = self._send("GET", route)
        if not response.ok or not response.headers.get("Content-Type", "").startswith("image/"):
            raise QrCodesFailed(_problem(response))
        return response.content

    def _send(self, method: str, route: str, **options: Any) -> Response:
        for left in reversed(range(self.attempts)):
            # A redirect would carry what proves who calls to another host; the function sends none.
            url = f"{self.endpoint}/{route}"
            response = requests.request(method, url, auth=self.authorise, timeout=60, allow_redirects=False, **options)
            # If all instances are busy, Function Compute sends no Retry-After.
            after = response.headers.get("Retry-After", "1" if response.status_code == 429 else "")
            if not after.isdigit() or not left:
                break
            time.sleep(int(after))
        return response


def _list(response: Response) -> QrCodeList | None:
    """The list; if the function does not start, Function Compute answers 200 too, with an error object."""
    try:
        found = response.json() if response.ok else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "qrCodes" in found else None  # type: ignore[return-value]


def _problem(response: Response) -> Problem:
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem: Problem = response.json()
        return problem
    return {"code": "refused", "status": response.status_code, "detail": response.text}
