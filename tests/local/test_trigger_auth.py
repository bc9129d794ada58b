"""The trigger accepts requests signed as the vendor's library does, or with a token that its keys verify; no others."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import jwt
import pytest
from alibabacloud_gateway_fc_util.client import Client
from requests import Request

from local.fc import make_context
from local.gateway import gateway
from local.sandbox import DEMO_KEY
from local.serve import serve
from local.trigger_auth import check_signature, check_token
from tests.tokens import CONFIG, Issuer, demo_credentials

# The vendor's library calls what another of the vendor's deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")


def answer(event: bytes, context: Any) -> object:
    return {"statusCode": 200, "headers": {}, "body": "let in"}


@pytest.fixture
def url() -> Iterator[str]:
    with serve(gateway(answer, lambda: make_context("python3.10"), check=check_signature)) as address:
        yield f"http://{address}"


def status(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, found.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def signed(url: str, secret: str = DEMO_KEY.secret) -> dict[str, str]:
    headers: dict[str, str] = Client(demo_credentials(secret)).sign_request(Request("GET", url, headers={})).headers
    return headers


@pytest.mark.parametrize("path", ["/qr-codes?phoneNumber=8613800001234&custSpaceId=a", "/qr%20codes", "/"])
def test_who_signs_is_let_in(url: str, path: str) -> None:
    assert status(url + path, headers=signed(url + path)) == (200, b"let in")


def test_others_are_not(url: str) -> None:
    assert status(url) == (
        400,
        b'{"Code": "MissingRequiredHeader", "Message": "required HTTP header Date was not specified"}',
    )
    assert status(url, headers={"Date": formatdate(usegmt=True)})[0] == 400
    assert status(url, headers=signed(url, secret="wrong"))[0] == 403
    assert status(f"{url}/?other=1", headers=signed(url))[0] == 403
    assert status(url, headers=signed(url) | {"date": formatdate(0, usegmt=True)})[0] == 403


def test_a_preflight_need_not_sign(url: str) -> None:
    assert status(url, "OPTIONS") == (200, b"let in")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@contextmanager
def asking_for_a_token(issuer: Issuer, **changes: str) -> Iterator[str]:
    check = check_token(issuer.config(**changes))
    with serve(gateway(answer, lambda: make_context("python3.10"), check=check)) as address:
        yield f"http://{address}/qr-codes"


def test_who_has_a_token_is_let_in(issuer: Issuer) -> None:
    with asking_for_a_token(issuer) as url:
        assert status(url, headers={"Authorization": f"Bearer {issuer.token()}"}) == (200, b"let in")
        assert status(url, "OPTIONS") == (200, b"let in")


def test_whose_token_is_not_good_is_not(issuer: Issuer) -> None:
    forged = jwt.encode({"sub": "shop"}, "a secret that is long enough for HS256", algorithm="HS256")
    tokens = [issuer.token(exp=time() - 1), issuer.token(nbf=time() + 60), Issuer().token(), forged, "x", ""]
    with asking_for_a_token(issuer) as url:
        assert status(url)[0] == 401
        assert [status(url, headers={"Authorization": f"Bearer {token}"})[0] for token in tokens] == [401] * 6
        assert status(url, headers={"Authorization": issuer.token()})[0] == 401
        assert status(f"{url}?token={issuer.token()}")[0] == 401


def test_where_a_token_is_looked_for(issuer: Issuer) -> None:
    with asking_for_a_token(issuer, tokenLookup="cookie:session,query:token") as url:
        assert status(url, headers={"Cookie": f"session={issuer.token()}"})[0] == 200
        assert status(f"{url}?token={issuer.token()}")[0] == 200
        assert status(url, headers={"Authorization": f"Bearer {issuer.token()}"})[0] == 401


def test_the_config_is_what_the_documents_have_deployed() -> None:
    assert '"{\\"jwks\\": …, \\"tokenLookup\\":' in (document := Path("docs/calling.md").read_text())
    assert CONFIG["tokenLookup"] in document
