"""How a deployment is asked: over its HTTP trigger, signed or not, and by InvokeFunction."""

import io
import json
import time
from typing import Any, NamedTuple

import requests
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest
from alibabacloud_gateway_fc_util.client import Client as TriggerClient
from darabonba.runtime import RuntimeOptions

from deploy.verify.rows import Target

_SECONDS = 40


class Answer(NamedTuple):
    """An HTTP answer, its header names as they arrived."""

    status: int
    headers: dict[str, str]
    body: bytes
    milliseconds: float

    def header(self, name: str) -> str:
        """A header by its name in whatever case; empty where there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    @property
    def request_id(self) -> str:
        """Function Compute's, or the function's word for it."""
        return self.header("x-fc-request-id") or self.header("x-request-id")

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object that the body is; an empty one where it is none."""
        return json_object(self.body)


def ask(target: Target, path: str, method: str = "GET", *, signed: bool = True, **headers: str) -> Answer:
    """One request to the HTTP trigger. Raises requests.RequestException."""
    url = target.outputs["Url"].rstrip("/") + path
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if signed:
        given |= _authorisation(target, method, url)
    started = time.monotonic()
    answer = requests.request(method, url, headers=given, timeout=_SECONDS, allow_redirects=False)
    milliseconds = round((time.monotonic() - started) * 1000, 1)
    return Answer(answer.status_code, dict(answer.raw.headers.itermerged()), answer.content, milliseconds)


def _authorisation(target: Target, method: str, url: str) -> dict[str, str]:
    if target.token:
        return {"Authorization": f"Bearer {target.token}"}
    signed = TriggerClient(CredentialClient()).sign_request(requests.Request(method, url, headers={}))
    found: dict[str, str] = signed.headers
    return found


def invoke(target: Target, event: Any) -> Answer:
    """One InvokeFunction. Raises the SDK's exceptions; a function that raised is an answer."""
    request = InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    runtime = RuntimeOptions(read_timeout=_SECONDS * 1000)
    started = time.monotonic()
    answer = target.account.fc().invoke_function_with_options(
        target.function, request, InvokeFunctionHeaders(), runtime
    )
    body = answer.body.read()
    return Answer(answer.status_code, answer.headers, body, round((time.monotonic() - started) * 1000, 1))


def json_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object in a text; an empty one where there is none."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
