"""What the stand-ins believe of the platform where no page says it plainly; `make verify` compares with the real one.

A belief that turns out wrong is changed here, and then in the module it names.
"""

from typing import NamedTuple


class Belief(NamedTuple):
    """`value` as `make verify` sees it; `where` is what plays it or relies on it, `source` what it was taken from."""

    value: str
    about: str
    where: str
    source: str


BELIEFS = {
    "unsigned": Belief(
        "400",
        "the status of a request without a signature, where the trigger asks for one",
        "local/trigger_auth.py",
        "users' reports: MissingRequiredHeader, required HTTP header Date was not specified",
    ),
    "no_token": Belief(
        "401",
        "the status of a request without a valid JSON Web Token, where the trigger asks for one",
        "local/trigger_auth.py; docs/openapi.json",
        "none; Alibaba Cloud's gateway answers 401 (higress.io, plug-in jwt-auth)",
    ),
    "claim_header": Belief(
        "the claim's",
        "whose value a header has that claimPassBy sets, where the caller sent one of that name too",
        "local/gateway.py; docs/security.md, for CUST_SPACE_HEADER protects nobody if it is the caller's",
        "none; Configure JWT authentication for an HTTP trigger: claims are forwarded as headers",
    ),
    "preflight": Belief(
        "204",
        "the status of a preflight, which browsers do not sign, where OPTIONS is among the trigger's methods",
        "local/gateway.py; docs/calling.md, “Web pages”",
        "HTTP triggers overview: where OPTIONS is configured, the function answers",
    ),
    "header_name": Belief(
        "X-Request-Id",
        "a header's name arrives as the function wrote it",
        "local/gateway.py",
        "none; clients ignore the case",
    ),
    "content_disposition": Belief(
        "attachment",
        "the default domain adds Content-Disposition to every answer",
        "local/gateway.py; docs/deployment.md, “A domain of your own”: browsers download what they open",
        "HTTP triggers overview",
    ),
    "cors": Belief(
        "the function's alone",
        "CORS headers of the function stand in the place of Function Compute's own",
        "local/gateway.py, src/cams_qr/events/http/answer.py",
        "HTTP triggers overview: by default any origin is let in, unless the function sets the headers",
    ),
    "request_id": Belief(
        "the same",
        "X-Fc-Request-Id is the request_id of the context, which the function answers as X-Request-Id and logs",
        "local/fc.py, local/gateway.py; docs/operations.md",
        "Context (Python)",
    ),
    "png": Belief(
        "decoded",
        "a body with isBase64Encoded is decoded before it is sent",
        "local/gateway.py",
        "Use an HTTP trigger to invoke a function",
    ),
    "gzip": Belief(
        "gzip",
        "the Content-Encoding of a body that the function gzipped, for a client that accepts it",
        "local/gateway.py; src/cams_qr/events/http/representation.py",
        "none; HTTP triggers overview does not list Content-Encoding among the headers that cannot be set",
    ),
    "invoke_event": Belief(
        "bare",
        "InvokeFunction hands the payload over as it is, although there is an HTTP trigger",
        "local/invocations.py",
        "Event handlers (Python); devsapp/fc3 has captured the other: wrapped as an HTTP event",
    ),
    "raised_status": Belief(
        "200",
        "the status of InvokeFunction where the function raised",
        "local/invocations.py, examples/ask.py",
        "Error handling",
    ),
    "raised_type": Belief(
        "UnhandledInvocationError",
        "X-Fc-Error-Type where the function raised",
        "local/fc.py",
        "Error handling",
    ),
    "over_cap": Belief(
        "429",
        "the status of a call over the reserved concurrency",
        "local/gateway.py; web/, which retries after it; docs/calling.md, “Images”",
        "Error codes: ResourceExhausted",
    ),
    "log_field": Belief(
        "message",
        "the field of the log store that holds a line of the function",
        "template.yml's index, docs/operations.md, local/cloud/sls.py",
        "Function logs",
    ),
}
