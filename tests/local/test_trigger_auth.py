"""The trigger lets in who signs as the vendor's library does, and nobody else."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from alibabacloud_credentials import models
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_gateway_fc_util.client import Client
from requests import Request

from local.fc import make_context
from local.gateway import gateway
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.serve import serve
from local.trigger_auth import check_signature

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
    config = models.Config(
        type="sts", access_key_id=DEMO_KEY_ID, access_key_secret=secret, security_token=DEMO_KEY.token
    )
    headers: dict[str, str] = Client(CredentialClient(config)).sign_request(Request("GET", url, headers={})).headers
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
