"""Checks that each invocation's line is in the log store; lines arrive late, so this waits for a limited time."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from cams_qr.events.invoke_function import ROUTE
from cams_qr.logs import level_of
from deploy import sls
from deploy.table import fine, unknown, wrong
from deploy.verify.client import json_object
from deploy.verify.rows import Logged, Row, Seen, Target

_POLL_SECONDS = 3.0
_BEFORE = 900


def lines(target: Target, logged: Sequence[Logged]) -> Iterator[Row]:
    """The line of every invocation that writes one is found by its requestId within `log_seconds`."""
    if not logged:
        yield unknown("log lines", "nothing was answered by the function")
        return
    least = target.parameters["LogLevel"]
    logged = [invocation for invocation in logged if level_of(invocation.status) >= logging.getLevelName(least)]
    if not logged:
        yield unknown("log lines", f"LogLevel is {least}, at which none of these calls writes a line")
        return
    started = time.monotonic()
    found = _wait(target, {invocation.request_id for invocation in logged}, started + target.log_seconds)
    yield from _seen(logged, found)
    missing = [invocation.what for invocation in logged if invocation.request_id not in found]
    waited = f"{time.monotonic() - started:.0f} s"
    if missing:
        yield wrong(
            "log lines",
            f"after {waited} none found by requestId for: {', '.join(dict.fromkeys(missing))}",
            "run make verify again; else check log:PostLogStoreLogs of the role, LogConfig of the function, the index",
        )
    else:
        yield fine("log lines", f"{len(found)} of {len(logged)} found by requestId, after {waited}")


def _wait(target: Target, ids: set[str], until: float) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    while True:
        for request_id in ids - found.keys():
            if line := _line(target, request_id):
                found[request_id] = line
        left = until - time.monotonic()
        if len(found) == len(ids) or left <= 0:
            return found
        time.sleep(min(_POLL_SECONDS, left))


def _seen(logged: Sequence[Logged], found: dict[str, dict[str, Any]]) -> Iterator[Row]:
    for invocation in logged:
        line = found.get(invocation.request_id)
        if line and invocation.what == "direct call":
            wrapped = line.get("route") == ROUTE
            yield Seen("invoke_event", "wrapped as an HTTP event" if wrapped else "bare")
        if line and invocation.what == "signed GET":
            is_cold = line.get("coldStart")
            yield fine("cold start", "the first call " + ("started an instance" if is_cold else "found one running"))


def _line(target: Target, request_id: str) -> dict[str, Any] | None:
    """The function's own line, which is in `message` ("Function Compute 3.0: log fields", Simple Log Service).

    Function Compute writes others with the same ID.
    """
    now = int(time.time())
    found = sls.lines(
        target.account.region,
        target.outputs["LogProject"],
        target.outputs["LogStore"],
        request_id,
        now - _BEFORE,
        now + 1,
    )
    lines = (json_object(log.get("message", "")) for log in found)
    return next((line for line in lines if line.get("requestId") == request_id), None)
