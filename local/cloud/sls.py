"""Simple Log Service: whether it is activated, and the lines that a function wrote. Signatures are really verified.

Sources: "Request signatures", GetSlsService, GetLogs (SLS, 2020-12-30); Function Compute's "Function logs" for its own
lines around the function's.
"""

import base64
import hashlib
import hmac
import io
import json
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.cloud import rights
from local.fc import Handler
from local.sandbox import DEMO_KEY, DEMO_KEY_ID

if TYPE_CHECKING:
    from local.cloud import Cloud

# Path -> RAM actions. Alerts are jobs, and the documentation names both.
RIGHTS = {
    "slsservice": ["log:GetSlsService"],
    "alerts": ["log:GetAlert", "log:GetJob"],
    "logstores": ["log:GetLogStoreLogs"],
}


@dataclass
class LogStore:
    """Lines as Function Compute puts them into the log store; they can be found `late_seconds` after they were written.

    A line is in `message`: "Function Compute 3.0: log fields" (Simple Log Service).
    """

    late_seconds: float = 0
    lines: list[tuple[float, str]] = field(default_factory=list)

    def logging(self, handler: Handler) -> Handler:
        """Wrap the handler: what it prints is kept here, between Function Compute's own lines."""

        def logged(event: bytes, context: Any) -> object:
            printed = io.StringIO()
            try:
                with redirect_stdout(printed):
                    return handler(event, context)
            finally:
                marks = (f"FC Invoke {mark} RequestId: {context.request_id}" for mark in ("Start", "End"))
                lines = [next(marks), *printed.getvalue().splitlines(), *marks]
                self.lines += [(time.time(), line) for line in lines]

        return logged

    def find(self, query: Mapping[str, str]) -> list[dict[str, str]]:
        """The lines in the requested time that contain the query's words, which are in double quotes."""
        words, since = query["query"].strip('"'), int(query["from"])
        now = time.time()
        found = [
            (at, line) for at, line in self.lines if words in line and at >= since and now >= at + self.late_seconds
        ]
        lines = [{"message": line, "functionName": "cams-qr", "__time__": str(int(at))} for at, line in found]
        return lines[: int(query.get("line", 100))]


def answer(cloud: "Cloud", request: web.Request) -> web.Response:
    """The answer to a GET, which needs the rights that RIGHTS names."""
    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
    if not _is_signed(request, query):
        return _refusal(401, "SignatureNotMatch", "signature does not match")
    names = {"project": request.host.split(".")[0], "logstore": request.path.split("/")[-1]}
    for right in RIGHTS[request.path.split("/")[1]]:
        if rights.lacking(cloud.account, right, **names):
            return _refusal(401, "Unauthorized", f"denied by sts or ram, action: {right}")
    if request.path == "/slsservice":
        is_activated = "sls" in cloud.account.activated
        return web.json_response({"enabled": is_activated, "status": "Opened" if is_activated else "NotExist"})
    if request.path.startswith("/alerts/"):
        found = cloud.account.alerts.get(request.path.removeprefix("/alerts/"))
        return web.json_response(found) if found else _refusal(404, "JobNotExist", "job does not exist")
    if not request.host.startswith(cloud.outputs.get("LogProject", "") + "."):
        return _refusal(404, "ProjectNotExist", "The Project does not exist")
    return web.json_response(cloud.logs.find(query), headers={"x-log-progress": "Complete"})


def _is_signed(request: web.Request, query: Mapping[str, str]) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if headers.get("x-acs-security-token") != DEMO_KEY.token:
        return False
    signed = "\n".join(f"{n}:{v}" for n, v in sorted(headers.items()) if n.startswith(("x-log-", "x-acs-")))
    resource = request.path + ("?" + "&".join(f"{n}={v}" for n, v in sorted(query.items())) if query else "")
    text = f"{request.method}\n\n{headers.get('content-type', '')}\n{headers.get('date', '')}\n{signed}\n{resource}"
    signature = base64.b64encode(hmac.new(DEMO_KEY.secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return headers.get("authorization") == f"LOG {DEMO_KEY_ID}:{signature}"


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"errorCode": code, "errorMessage": message}),
        content_type="application/json",
    )
