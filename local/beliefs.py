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
    "invalid_token": Belief(
        "403",
        "the status of a request with a token that is invalid or expired, or that no key of JwtConfig verifies",
        "local/trigger_auth.py; docs/openapi.json",
        "none; a missing token was captured as 403 JWTTokenIsMissing",
    ),
    "expired_signature": Belief(
        "AccessDenied",
        "the trigger's code for a signature that is older than 15 minutes",
        "local/trigger_auth.py",
        "Configure signature authentication for HTTP triggers: the text, without the code; 403 by a user's report",
    ),
    "domain_signature": Belief(
        "acs",
        "the signature that a custom domain with the authentication function accepts",
        "local/trigger_auth.py, examples/signature.py; docs/calling.md, “Signing requests”",
        "Configure signature authentication for custom domain names; for the trigger, the page has ACS3-HMAC-SHA256",
    ),
    "claim_header": Belief(
        "the claim's",
        "whose value arrives in a header that claimPassBy sets, if the caller sends a header of that name too",
        "local/gateway.py; docs/security.md, because CUST_SPACE_HEADER protects nobody if it is the caller's",
        "none; Configure JWT authentication for an HTTP trigger: claims are forwarded as headers",
    ),
    "unclaimed_header": Belief(
        "the caller's",
        "what arrives in a header that claimPassBy sets, if the token lacks the claim and the caller sends the header",
        "local/trigger_auth.py; docs/security.md, because every token must then have the claim",
        "none; the worse of the two is assumed",
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
        "local/gateway.py; src/cams_qr/events/http/answer.py; if it is another, browsers cannot revalidate lists "
        "there, and pages need a custom domain",
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
        "Event handlers (Python, Java, C#): an HTTP trigger's function gets the console's “Hello, FC!” as it is; "
        "devsapp/fc3 captured the opposite before 3.0's release: wrapped as an HTTP event",
    ),
    "over_cap": Belief(
        "429",
        "the status of a call over the reserved concurrency",
        "local/gateway.py; web/, which retries; docs/calling.md, “Images”",
        "Error codes: ResourceExhausted",
    ),
    "foreign_number": Belief(
        "ERR-OPERATION-MAAP-0065",
        "CAMS's code for a number that is not the account's",
        "local/sandbox.py; src/cams_qr/problems.py has other codes for it, too",
        "Public error codes of Chat App Message Service: this phone number is not bound to the current subscriber; "
        "ListPhoneMessageQrdl declares Unknown.ResourceOwnerId",
    ),
    "foreign_space": Belief(
        "ERR-OPERATION-MAAP-0060",
        "CAMS's code for a custSpaceId that is not the account's",
        "local/sandbox.py; src/cams_qr/problems.py has other codes for it, too",
        "inferred: Public error codes of Chat App Message Service, for subscribers without a WhatsApp account",
    ),
    "image_url": Belief(
        "for hours",
        "how long the image URLs of a list work, by their `oe`",
        "local/lists.py; docs/calling.md; CACHE_TTL_SECONDS, which is at most 300 for that reason",
        "none of the vendors; Splashify Pro's partner documentation, “QR codes”: about one hour. WhatsApp Business QR "
        "Code Management API: a list has no image URLs unless they are asked for",
    ),
}
