"""InvokeFunction on a function that has an HTTP trigger: the payload arrives as the body of an HTTP request.

Captured by devsapp/fc3 (`event-template/http.json`): version v1, the API's path, the API's domain, the payload as
`application/octet-stream`. The documentation says that the payload arrives bare. Both are accepted, and mean the same:
the payload is answered as if it had arrived bare, and a failure of a bus event is raised.

This applies only on the API's own domain, which requires a signature and `fc:InvokeFunction`. Anyone can send this path
to the domain of a trigger or a gateway, or to a custom domain; there it is an unknown route. Otherwise a web caller
could wait as long as bulk, query a hundred numbers at once, call from any web page, or get an exception's stack instead
of a problem.

The headers are still the caller's: with CUST_SPACE_HEADER set, every query must be for the space that it names.
"""

import re
from typing import Any

from cams_qr.events.call import Call, QueryOrProblem
from cams_qr.events.http import http_trigger
from cams_qr.events.http.request import body_bytes, is_true, query_in_own_space, single_headers
from cams_qr.events.json_text import check
from cams_qr.problems import Problem
from cams_qr.settings import Settings

ROUTE = "InvokeFunction"
# The qualifier is a query parameter; which version runs does not matter here.
_PATH = re.compile(r"/2023-03-30/functions/[^/]+/invocations")
# `{account}.{region}.fc.aliyuncs.com`, `fcv3.{region}.aliyuncs.com`, and both for VPCs; samples mask accounts with `*`.
_DOMAIN = re.compile(r"(?:[0-9*]+\.[a-z0-9-]+\.fc|fcv3[a-z-]*\.[a-z0-9-]+)\.aliyuncs\.com")


def recognise(document: Any) -> bool:
    """Whether the event is an HTTP trigger's, for the API's path, on the API's domain."""
    if not http_trigger.recognise(document):
        return False
    context = document["requestContext"]
    return (
        context["http"].get("method") == "POST"
        and _PATH.fullmatch(str(document.get("rawPath"))) is not None
        and _DOMAIN.fullmatch(str(context.get("domainName"))) is not None
    )


def payload(document: Any) -> bytes:
    """The bytes given to InvokeFunction. Raises Problem `invalid_request` if the request or its body is not valid."""
    check(document, "event")
    return body_bytes(document.get("body"), is_true(document.get("isBase64Encoded")))


def in_own_space(call: Call, document: Any, settings: Settings) -> Call:
    """The payload's Call, with a problem in place of each query that its HTTP headers do not allow."""
    headers = single_headers(document.get("headers"))
    queries = tuple(_checked(query, headers, settings) for query in call.queries)
    return call._replace(queries=queries, route=call.route or ROUTE)


def _checked(query: QueryOrProblem, headers: dict[str, str | None], settings: Settings) -> QueryOrProblem:
    try:
        return query if isinstance(query, Problem) else query_in_own_space(query, headers, settings)
    except Problem as problem:
        return problem
