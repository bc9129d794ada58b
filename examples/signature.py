"""Sign requests to a deployment with `HttpAuth` function: one scheme for its HTTP trigger, another for a custom domain.

Needs `alibabacloud-tea-openapi` (0.4.6 here), which comes with the vendor's SDKs; the class `Client` of
`alibabacloud-openapi-util` (0.2.4 here) has the same functions. Neither scheme signs the body. A signature is valid for
15 minutes. No name may occur twice in a query: the vendor's libraries do not agree on what to sign then.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

ACS3 = "ACS3-HMAC-SHA256"


def sign_for_trigger(
    credentials: CredentialClient, method: str, url: str, at: datetime | None = None
) -> dict[str, str]:
    """The headers that authorise the request at an HTTP trigger. Raises ValueError if a query's name occurs twice.

    Valid from `at`, by default now. As in "Configure signature authentication for HTTP triggers".
    """
    key = credentials.get_credential()
    signed_at = (at or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {"x-acs-date": signed_at} | _token(key.security_token)
    request = _request(method, url, headers)
    proof = Utils.get_authorization(request, ACS3, "", key.access_key_id, key.access_key_secret)
    return headers | {"authorization": proof}


def sign_for_domain(credentials: CredentialClient, method: str, url: str, sent: Mapping[str, str]) -> dict[str, str]:
    """The headers that authorise the request at a custom domain. Raises ValueError if a query's name occurs twice.

    `sent` are the request's other headers, of which Accept, Content-Type and Content-MD5 are signed, also if the HTTP
    client adds them. As in "Configure signature authentication for custom domain names".
    """
    key = credentials.get_credential()
    now = format_datetime(datetime.now(timezone.utc), usegmt=True)
    headers = {"date": now} | _token(key.security_token)
    request = _request(method, url, {name.lower(): value for name, value in sent.items()} | headers)
    proof = Utils.get_roasignature(Utils.get_string_to_sign(request), key.access_key_secret)
    return headers | {"authorization": f"acs {key.access_key_id}:{proof}"}


def _token(token: str | None) -> dict[str, str]:
    """Of a temporary key; curl would not send an empty header."""
    return {"x-acs-security-token": token} if token else {}


def _request(method: str, url: str, headers: dict[str, str]) -> DaraRequest:
    parts = urlsplit(url)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    request = DaraRequest()
    request.method, request.pathname, request.headers = method, parts.path or "/", headers
    request.query = dict(parameters)
    if len(request.query) < len(parameters):
        raise ValueError("a name occurs twice in the query, which cannot be signed")
    return request
