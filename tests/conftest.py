"""The function as Function Compute runs it, in front of a sandbox CAMS on a socket."""

import base64
import gzip
import importlib
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.fc import ENVIRONMENT_KEYS, make_context, role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.valkey import Valkey

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NUMBER = "8613800001234"
INVOKE_PATH = "/2023-03-30/functions/cams-qr/invocations"
INVOKE_DOMAIN = "1234567890123456.ap-southeast-1.fc.aliyuncs.com"
_index = importlib.util.find_spec("index")
assert _index
assert _index.origin
# The folder of the code under test: src, or an unpacked package.
CODE = str(Path(_index.origin).parent)


def every(step: int, cases: list[Any]) -> list[Any]:
    """One in so many cases; the others are further ones."""
    return [case if number % step == 0 else further(case)[0] for number, case in enumerate(cases)]


def further(*cases: Any) -> list[Any]:
    """Further cases of a parametrized test, which `make test` leaves out."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.thorough) for case in cases]


@dataclass
class Function:
    """One fresh instance of the function; `settings` are environment variables, set before it starts."""

    monkeypatch: pytest.MonkeyPatch
    settings: dict[str, str] = field(default_factory=dict)
    runtime: str = "python3.10"
    timeout: float = 10
    _index: Any = None

    def configure(self, **settings: str) -> "Function":
        self.settings |= settings
        return self

    def start(self) -> Any:
        """Import the entry points afresh, as a new instance does."""
        for name, value in self.settings.items():
            self.monkeypatch.setenv(name, value)
        sys.modules.pop("index", None)
        self._index = importlib.import_module("index")
        return self._index

    def pass_time(self, seconds: float) -> None:
        """Let the clock, which is the system's, stand `seconds` later."""
        now = time.time
        self.monkeypatch.setattr(time, "time", lambda: now() + seconds)

    def context(self, **changes: Any) -> Any:
        context = make_context(self.runtime, self.timeout)  # type: ignore[arg-type]
        context.__dict__.update(changes)
        return context

    def raw(self, event: bytes, context: Any = None) -> Any:
        index = self._index or self.start()
        answer = index.handler(event, context or self.context())
        # The runtime passes bytes on as they are.
        assert isinstance(answer, bytes)
        return json.loads(answer)

    def direct(self, event: Any, context: Any = None) -> Any:
        return self.raw(json.dumps(event).encode(), context)

    def ask(self, number: str = NUMBER, **fields: Any) -> Any:
        return self.direct({"phoneNumber": number, **fields})

    def http(self, method: str = "GET", path: str = "/qr-codes", shape: str = "v1", **parts: Any) -> "HttpAnswer":
        event = v1_event(method, path, **parts) if shape == "v1" else classic_event(method, path, **parts)
        return HttpAnswer(self.direct(event))


class HttpAnswer:
    """The response struct, checked against what both gateways accept."""

    def __init__(self, struct: Any) -> None:
        assert set(struct) == {"statusCode", "headers", "isBase64Encoded", "body"}
        assert type(struct["statusCode"]) is int
        is_png = struct["headers"].get("Content-Type") == "image/png"
        self.is_base64 = is_png or "Content-Encoding" in struct["headers"]
        assert struct["isBase64Encoded"] is (self.is_base64 and struct["body"] != "")
        assert isinstance(struct["body"], str)
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in struct["headers"].items())
        assert {"Content-Type", "X-Request-Id", "Cache-Control", "Vary"} <= set(struct["headers"])
        self.status: int = struct["statusCode"]
        self.headers: dict[str, str] = struct["headers"]
        self.body: str = struct["body"]

    @property
    def sent(self) -> bytes:
        """The body's bytes as they go over the wire."""
        return base64.b64decode(self.body, validate=True) if self.is_base64 else self.body.encode()

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.sent) if self.headers.get("Content-Encoding") == "gzip" else self.sent

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def problem(self) -> Any:
        assert self.headers["Content-Type"].startswith("application/problem+json")
        assert self.headers["Cache-Control"] == "no-store"
        assert self.json["status"] == self.status
        return self.json


def v1_event(
    method: str = "GET",
    path: str = "/qr-codes",
    parameters: Any = None,
    headers: Any = None,
    body: Any = "",
    is_base64: Any = False,
    domain: Any = None,
) -> dict[str, Any]:
    context = {"http": {"method": method, "path": path}, "requestId": "1-69230000-000000000000"}
    return {
        "version": "v1",
        "rawPath": path,
        "body": body,
        "isBase64Encoded": is_base64,
        "headers": {} if headers is None else headers,
        "queryParameters": {} if parameters is None else parameters,
        "requestContext": context | ({} if domain is None else {"domainName": domain}),
    }


def wrapped_event(
    payload: bytes | str, domain: str = INVOKE_DOMAIN, path: str = INVOKE_PATH, headers: Any = None, **parts: Any
) -> dict[str, Any]:
    """What Function Compute was captured to make of a call of InvokeFunction where there is an HTTP trigger."""
    is_base64 = isinstance(payload, bytes)
    body = base64.b64encode(payload).decode() if isinstance(payload, bytes) else payload
    headers = {"Content-Type": "application/octet-stream", "X-Acs-Action": "InvokeFunction", **(headers or {})}
    parts = {"method": "POST", "path": path, "headers": headers, "body": body, "is_base64": is_base64, **parts}
    event = v1_event(**parts)
    event["requestContext"]["domainName"] = domain
    return event


def classic_event(
    method: str = "GET",
    path: str = "/qr-codes",
    parameters: Any = None,
    headers: Any = None,
    body: Any = "",
    is_base64: Any = False,
) -> dict[str, Any]:
    return {
        "path": path,
        "httpMethod": method,
        "headers": {} if headers is None else headers,
        "queryParameters": {} if parameters is None else parameters,
        "pathParameters": {},
        "body": body,
        "isBase64Encoded": is_base64,
    }


@pytest.fixture
def sandbox() -> Sandbox:
    """The account behind CAMS, with a quota no test reaches by accident."""
    return Sandbox(keys={DEMO_KEY_ID: DEMO_KEY}, qps=1000)


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Iterator[str]:
    with serve(sandbox.app()) as address:
        yield address


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without credentials or settings of its own."""
    for name in (*ENVIRONMENT_KEYS, "DEBUG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def function(environment: pytest.MonkeyPatch, endpoint: str) -> Function:
    """The function with a role, in front of the sandbox; the cache is off, so that each query reaches CAMS."""
    for name, value in role_environment(DEMO_KEY_ID, DEMO_KEY).items():
        environment.setenv(name, value)
    settings = {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000", "CACHE_TTL_SECONDS": "0"}
    return Function(environment, settings)


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Any:
    """The lines the function has logged since last asked; nothing else may have been printed."""

    def read() -> list[dict[str, Any]]:
        printed = capsys.readouterr()
        assert printed.err == ""
        return [json.loads(line) for line in printed.out.splitlines()]

    return read


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests of a process, for there cannot be two."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    # Not where only the contract is tested, for which it is not installed.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
