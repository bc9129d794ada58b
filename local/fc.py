"""Function Compute's side of an invocation: the context that it passes, and what it does with the result.

Sources: "Context" (Python); for the answer's bytes, the bootstrap of the built-in Python runtimes; for an initializer
that fails, the pages on instance lifecycle hooks of the runtimes Java, C#, PHP and custom.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, Literal

from local.acs3 import AccessKey

Runtime = Literal["python3.10", "python3.12"]
Handler = Callable[[bytes, Any], object]

INITIALIZATION_ERROR = "InitializationError"
ENVIRONMENT_KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")


@dataclass(frozen=True)
class Invoked:
    """The result of an invocation: its body, and the error type if the function raised or did not start."""

    request_id: str
    body: bytes
    error_type: str | None = None


def role_environment(key_id: str, key: AccessKey) -> dict[str, str]:
    """The variables that Function Compute injects for the function's role."""
    return dict(zip(ENVIRONMENT_KEYS, (key_id, key.secret, key.token or ""), strict=True))


def make_context(runtime: Runtime, timeout: float = 10, environ: Mapping[str, str] = os.environ) -> Any:
    """The context of one invocation; python3.10's carries the role's credentials, python3.12's does not."""
    function = {"name": "cams-qr", "handler": "index.handler", "memory": 256, "timeout": timeout}
    common = {"request_id": make_request_id(), "region": "ap-southeast-1", "account_id": "123456789"}
    if runtime == "python3.12":
        return SimpleNamespace(
            function=SimpleNamespace(**function, version_id="", qualifier="LATEST"),
            log_project="",
            log_store="",
            **common,
        )
    key_id, secret, token = (environ.get(name, "") for name in ENVIRONMENT_KEYS)
    return SimpleNamespace(
        credentials=SimpleNamespace(access_key_id=key_id, access_key_secret=secret, security_token=token),
        function=SimpleNamespace(**function),
        service=SimpleNamespace(log_project="", log_store="", qualifier="LATEST", version_id=""),
        tracing=SimpleNamespace(span_context="", jaeger_endpoint="", span_baggages={}),
        **common,
    )


class _NotStarted(Exception):
    """The initializer raised; the cause says what."""


def starting(initializer: Callable[[Any], object], handler: Handler) -> Handler:
    """The handler in an instance that starts with the initializer; if that fails, the next call gets a new instance.

    An initializer that runs out of time is answered alike, and not modelled.
    """
    is_started = False

    def handle(event: bytes, context: Any) -> object:
        nonlocal is_started
        if not is_started:
            try:
                initializer(context)
            except Exception as error:
                raise _NotStarted from error
            is_started = True
        return handler(event, context)

    return handle


def make_request_id() -> str:
    """A request ID such as 1-6a9fc3aa-15a2e5-62c173249af3; samples of the vendor's pages have this form."""
    return f"1-{int(time.time()):08x}-{token_hex(3)}-{token_hex(6)}"


def invoke(handler: Handler, event: bytes, context: Any) -> Invoked:
    """Call the handler like the runtime: returns its answer as bytes, or its exception as an error object."""
    try:
        return Invoked(context.request_id, _to_bytes(handler(event, context)))
    except _NotStarted as failed:
        return Invoked(context.request_id, _error_object(failed.__cause__ or failed), INITIALIZATION_ERROR)
    except Exception as error:
        return Invoked(context.request_id, _error_object(error), "UnhandledInvocationError")


def _error_object(error: BaseException) -> bytes:
    stack = [[f'File "{f.filename}"', f"line {f.lineno}"] for f in traceback.extract_tb(error.__traceback__)]
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": stack}).encode()


def _to_bytes(answer: object) -> bytes:
    if isinstance(answer, bytes):
        return answer
    return answer.encode() if isinstance(answer, str) else json.dumps(answer, indent=4, sort_keys=True).encode()
