"""What the stand-ins assume about the platform if no page is explicit; `make verify` checks it against the real one.

If a belief turns out to be wrong, change it here, then in the module that it names.
"""

from typing import NamedTuple


class Belief(NamedTuple):
    """One assumption: its `value` as `make verify` observes it, `where` the code relies on it, and its `source`."""

    value: str
    about: str
    where: str
    source: str


BELIEFS = {
    "unsigned": Belief(
        "400",
        "the status of a request without a signature, if the trigger requires one",
        "local/trigger_auth.py",
        "reports by users: MissingRequiredHeader, required HTTP header Date was not specified",
    ),
    "no_token": Belief(
        "401",
        "the status of a request without a valid JSON Web Token, if the trigger requires one",
        "local/trigger_auth.py; docs/openapi.json",
        "none; Alibaba Cloud's gateway answers 401 (higress.io, plug-in jwt-auth)",
    ),
    "claim_header": Belief(
        "the claim's",
        "whose value arrives in a header that claimPassBy sets, if the caller sends a header of that name too",
        "local/gateway.py; docs/security.md, because CUST_SPACE_HEADER protects nobody if it is the caller's",
        "none; Configure JWT authentication for an HTTP trigger: claims are forwarded as headers",
    ),
    "preflight": Belief(
        "204",
        "the status of a preflight, which browsers do not sign, if OPTIONS is among the trigger's methods",
        "local/gateway.py; docs/calling.md, “Web pages”",
        "HTTP triggers overview: if OPTIONS is configured, the function answers",
    ),
    "header_name": Belief(
        "X-Request-Id",
        "header names arrive as the function wrote them",
        "local/gateway.py",
        "none; clients ignore case",
    ),
    "cors": Belief(
        "appended",
        "on the default domain, Function Compute's CORS headers come beside the function's, or the function's replace "
        "them; seen in a preflight, the only answer there with some of both",
        "local/gateway.py; src/cams_qr/events/http/answer.py; if they are replaced, browsers accept no preflight there",
        "HTTP triggers overview says both; a user's report: Access-Control-Allow-Origin twice (sherkevin/quiet-river)",
    ),
    "not_modified": Belief(
        "304",
        "the status of an answer 304, which has no Location, on the default domain",
        "local/gateway.py; src/cams_qr/events/http/answer.py",
        "none; reports by users: 400 ExternalRedirectForbidden for redirects",
    ),
    "gzip": Belief(
        "gzip",
        "the Content-Encoding of a body that the function gzipped, for a client that accepts it",
        "local/gateway.py; src/cams_qr/events/http/representation.py",
        "none; HTTP triggers overview does not list Content-Encoding among the headers that cannot be set",
    ),
    "invoke_event": Belief(
        "bare",
        "InvokeFunction passes the payload on unchanged, even if there is an HTTP trigger",
        "local/invocations.py",
        "Event handlers (Python); devsapp/fc3 has captured the opposite: wrapped as an HTTP event",
    ),
    "raised_status": Belief(
        "200",
        "the status of InvokeFunction if the function raised",
        "local/invocations.py, examples/ask.py",
        "Error handling",
    ),
    "raised_type": Belief(
        "UnhandledInvocationError",
        "X-Fc-Error-Type if the function raised",
        "local/fc.py",
        "Error handling",
    ),
    "over_cap": Belief(
        "429",
        "the status of a call over the reserved concurrency",
        "local/gateway.py; web/, which retries; docs/calling.md, “Images”",
        "Error codes: ResourceExhausted",
    ),
    "log_field": Belief(
        "message",
        "the field of the log store that contains the function's line",
        "template.yml's index, docs/operations.md, local/cloud/sls.py",
        "Function logs",
    ),
}
