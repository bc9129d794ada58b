"""Sends requests to a deployment: over HTTP, signed or not, and with InvokeFunction."""

import io
import json
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import requests
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest
from darabonba.runtime import RuntimeOptions

from deploy.verify.rows import Target
from examples.signature import sign_for_domain, sign_for_trigger

Proof = Literal["token", "ACS3-HMAC-SHA256", "acs"]
_SECONDS = 40


class Answer(NamedTuple):
    """An HTTP answer, with headers as they arrived, each time that one did."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    milliseconds: float

    def values(self, name: str) -> list[str]:
        """Each value of a header, by its name in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str:
        """A header's values as one; empty if it is missing."""
        return ", ".join(self.values(name))

    @property
    def request_id(self) -> str:
        """Function Compute's request ID, or the function's copy of it."""
        return self.header("x-fc-request-id") or self.header("x-request-id")

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one if it is not a JSON object."""
        return json_object(self.body)


class Way(NamedTuple):
    """A way to the function over HTTP: its address, and what proves there who calls: a token or a signature."""

    address: str
    proof: Proof


def trigger(target: Target) -> Way:
    """The HTTP trigger."""
    is_jwt = target.parameters["HttpAuth"] == "jwt"
    return Way(target.outputs["Url"].rstrip("/"), "token" if is_jwt else "ACS3-HMAC-SHA256")


def ask(
    target: Target,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    way: Way | None = None,
    signed: bool = True,
) -> Answer:
    """Send one request, by default to the HTTP trigger. Raises requests.RequestException."""
    way = way or trigger(target)
    url = way.address + path
    given = {"Accept": "*/*", **(headers or {})}
    if signed:
        given |= _proof(target, way.proof, method, url, given)
    started = time.monotonic()
    answer = requests.request(method, url, headers=given, timeout=_SECONDS, allow_redirects=False)
    milliseconds = round((time.monotonic() - started) * 1000, 1)
    return Answer(answer.status_code, list(answer.raw.headers.items()), answer.content, milliseconds)


def _proof(target: Target, proof: Proof, method: str, url: str, sent: Mapping[str, str]) -> dict[str, str]:
    """The headers that authorise the request, signed as the examples sign."""
    if proof == "token":
        return {"Authorization": f"Bearer {target.token}"}
    if proof == "acs":
        return sign_for_domain(CredentialClient(), method, url, sent)
    return sign_for_trigger(CredentialClient(), method, url)


def invoke(target: Target, event: Any) -> Answer:
    """Call InvokeFunction once. Raises the SDK's exceptions; an exception of the function itself is an answer."""
    request = InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    runtime = RuntimeOptions(read_timeout=_SECONDS * 1000)
    started = time.monotonic()
    answer = target.account.fc().invoke_function_with_options(
        target.function, request, InvokeFunctionHeaders(), runtime
    )
    body = answer.body.read()
    return Answer(answer.status_code, list(answer.headers.items()), body, round((time.monotonic() - started) * 1000, 1))


def json_object(text: bytes | str) -> dict[str, Any]:
    """Parse a JSON object; an empty one if the text is anything else."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
