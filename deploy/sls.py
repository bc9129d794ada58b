"""Simple Log Service (SLS), which has its own signature: whether it is activated, log lines, and alerts.

Sources: "Request signatures", GetSlsService, GetLogs, GetAlert (SLS, 2020-12-30). GetLogs has a successor that
compresses its answers with lz4; for a few lines, GetLogs is enough.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import requests
from alibabacloud_credentials.client import Client as CredentialClient

from deploy.account import stand_in

_SECONDS = 20


class SlsUnreachable(Exception):
    """SLS gave no readable answer; the message says why."""


class SlsError(Exception):
    """SLS refused; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def is_activated(region: str) -> bool:
    """Whether the account has activated SLS; two regions answer for all. Raises SlsError, SlsUnreachable."""
    host = f"{'cn-shanghai' if region.startswith('cn-') else 'ap-southeast-1'}.log.aliyuncs.com"
    return bool(_get(host, "/slsservice")["enabled"])


def lines(region: str, project: str, store: str, words: str, since: int, until: int) -> list[dict[str, str]]:
    """The logs that contain the words, from `since` to `until` (Unix time). Raises SlsError, SlsUnreachable."""
    query = {"type": "log", "from": str(since), "to": str(until), "query": f'"{words}"', "line": "100", "offset": "0"}
    found: list[dict[str, str]] = _get(f"{project}.{region}.log.aliyuncs.com", f"/logstores/{store}", query)
    return found


def alert(region: str, project: str, name: str) -> dict[str, Any]:
    """The definition of an alert. Raises SlsError, SlsUnreachable."""
    found: dict[str, Any] = _get(f"{project}.{region}.log.aliyuncs.com", f"/alerts/{name}")
    return found


def signature(secret: str, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The signature of a request without a body; header names in lower case."""
    signed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith(("x-log-", "x-acs-")))
    resource = path + ("?" + "&".join(f"{name}={query[name]}" for name in sorted(query)) if query else "")
    text = f"{method}\n\n\n{headers['date']}\n{signed}{resource}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _get(host: str, path: str, query: Mapping[str, str] | None = None) -> Any:
    query = query or {}
    protocol, address = stand_in() or ("https", host)
    url = f"{protocol}://{address}{path}" + (f"?{urlencode(query)}" if query else "")
    try:
        answer = requests.get(url, headers=_headers(path, query) | {"host": host}, timeout=_SECONDS)
        body = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise SlsUnreachable(type(error).__name__) from None
    if answer.status_code != 200:
        raise SlsError(str(body.get("errorCode")), str(body.get("errorMessage")))
    return body


def _headers(path: str, query: Mapping[str, str]) -> dict[str, str]:
    credentials = CredentialClient().get_credential()
    headers = {
        "date": formatdate(usegmt=True),
        "x-log-apiversion": "0.6.0",
        "x-log-bodyrawsize": "0",
        "x-log-signaturemethod": "hmac-sha1",
    }
    if credentials.security_token:
        headers["x-acs-security-token"] = credentials.security_token
    signed = signature(credentials.access_key_secret, "GET", path, query, headers)
    return headers | {"authorization": f"LOG {credentials.access_key_id}:{signed}"}
