"""InvokeFunction on a function that has an HTTP trigger: the payload comes as the body of an HTTP request.

So captured by devsapp/fc3 (`event-template/http.json`): version v1, the API's path, the API's domain, the payload as
`application/octet-stream`. The documents say that the payload comes bare, so both are taken, and both mean the same:
the payload is answered as if it had come bare, and a bus' failure is raised.

Only on the API's own domain, which serves nobody without a signature and `fc:InvokeFunction`. Anybody can send this
path to a trigger's, a gateway's or a custom domain; there it is a route like another, which does not exist. Otherwise a
web caller could wait with bulk, ask for a hundred numbers at once, get answers without our CORS headers (to which
Function Compute then adds those of any origin), or an exception's stack instead of a problem.

The headers are the caller's all the same: with CUST_SPACE_HEADER set, every query must be for the space it names.
"""

import base64
import re
from typing import Any

from cams_qr.events.call import Call, Question
from cams_qr.events.http import http_trigger
from cams_qr.events.http.request import is_true, lower_case_names, query_in_own_space
from cams_qr.problems import Problem
from cams_qr.query import invalid_field
from cams_qr.settings import Settings

ROUTE = "InvokeFunction"
# A qualifier is a query parameter; which version runs is no business of ours.
_PATH = re.compile(r"/2023-03-30/functions/[^/]+/invocations")
# `{account}.{region}.fc.aliyuncs.com`, `fcv3.{region}.aliyuncs.com`, and both for VPCs; samples mask accounts with `*`.
_DOMAIN = re.compile(r"(?:[0-9*]+\.[a-z0-9-]+\.fc|fcv3[a-z-]*\.[a-z0-9-]+)\.aliyuncs\.com")


def recognise(document: Any) -> bool:
    """Whether this is an HTTP trigger's event for the API's path, on the API's domain."""
    if not http_trigger.recognise(document):
        return False
    context, path = document["requestContext"], document.get("rawPath")
    domain = context.get("domainName")
    return (
        context["http"].get("method") == "POST"
        and isinstance(path, str)
        and _PATH.fullmatch(path) is not None
        and isinstance(domain, str)
        and _DOMAIN.fullmatch(domain) is not None
    )


def payload(document: Any) -> bytes:
    """The bytes given to InvokeFunction. Raises Problem where the body is none."""
    body = document.get("body") or ""
    try:
        if is_true(document.get("isBase64Encoded")):
            return base64.b64decode(body, validate=True)
        return str.encode(body)
    except (TypeError, ValueError):
        raise invalid_field("body", "is not valid; it must be text, or base64 where isBase64Encoded is true") from None


def in_own_space(call: Call, document: Any, settings: Settings) -> Call:
    """The payload's call, with nothing in it that its HTTP request may not ask."""
    headers = lower_case_names(document.get("headers"))
    queries = tuple(_checked(query, headers, settings) for query in call.queries)
    return call._replace(queries=queries, route=call.route or ROUTE)


def _checked(query: Question, headers: dict[str, str], settings: Settings) -> Question:
    try:
        return query if isinstance(query, Problem) else query_in_own_space(query, headers, settings)
    except Problem as problem:
        return problem
