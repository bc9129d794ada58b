"""Who signs as the vendor's libraries do is let in, or who has a token that the keys verify; nobody else is."""

import hashlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from alibabacloud_openapi_util.client import Client as OpenApiUtil
from alibabacloud_tea_openapi.utils import Utils
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from darabonba.request import DaraRequest
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from local.acs3 import SignedRequest, sign
from local.fc import make_context
from local.gateway import gateway
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.serve import serve
from local.trigger_auth import (
    PERMANENT_KEY,
    PERMANENT_KEY_ID,
    check_domain_signature,
    check_signature,
    check_token,
)
from tests.tokens import CONFIG, Issuer

ACS3 = "ACS3-HMAC-SHA256"
NODE = Path("tests/node")
QUERY = [("phoneNumber", "+8613800001234"), ("custSpaceId", "a b*~")]
AT = {"x-acs-date": "2026-08-03T01:02:03Z"}


def answer(event: bytes, context: Any) -> object:
    return {"statusCode": 200, "headers": {}, "body": "let in"}


@pytest.fixture
def url() -> Iterator[str]:
    with serve(gateway(answer, lambda: make_context("python3.10"), check=check_signature)) as address:
        yield f"http://{address}"


@pytest.fixture
def domain() -> Iterator[str]:
    with serve(gateway(answer, lambda: make_context("python3.10"), check=check_domain_signature)) as address:
        yield f"http://{address}"


def ask(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, str]:
    """The status, and the error's code or the answer."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            said = json.loads(error.read())
            assert set(said) == {"RequestId", "Code", "Message"}
            return error.code, f"{said['Code']}: {said['Message']}"


LET_IN = (200, "let in")
NOT_MATCHING = (
    403,
    "SignatureNotMatch: The request signature we calculated does not match the signature you provided. "
    "Check your access key and signing method.",
)
NO_DATE = (400, "MissingRequiredHeader: required HTTP header Date was not specified")


def python_signer(library: Any) -> Callable[..., str]:
    def authorization(scheme: str, request: dict[str, Any], key_id: str, secret: str) -> str:
        made = DaraRequest()
        made.method, made.pathname = request["method"], request["pathname"]
        made.query, made.headers = request["query"], request["headers"]
        if scheme == "acs":
            return f"acs {key_id}:{library.get_roasignature(library.get_string_to_sign(made), secret)}"
        return str(library.get_authorization(made, scheme, "", key_id, secret))

    return authorization


def node_signer(scheme: str, request: dict[str, Any], key_id: str, secret: str) -> str:
    given = json.dumps({"scheme": scheme, "id": key_id, "secret": secret, **request})
    done = subprocess.run(["node", "sign.js", given], cwd=NODE, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["authorization"])


needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE / "node_modules").is_dir()), reason="Node or its official signer is missing"
)
TEA = python_signer(Utils)
SIGNERS = [
    pytest.param(TEA, id="tea-openapi"),
    pytest.param(python_signer(OpenApiUtil), id="openapi-util"),
    pytest.param(node_signer, id="npm", marks=needs_node),
]


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(
    url: str,
    signer: Callable[..., str] = TEA,
    method: str = "GET",
    scheme: str = ACS3,
    key_id: str = DEMO_KEY_ID,
    secret: str = DEMO_KEY.secret,
    **headers: str | None,
) -> dict[str, str]:
    """The headers of a signed request; `headers` (with _ for -) are signed as well, or left out as None."""
    date = {"x-acs-date": now()} if scheme == ACS3 else {"date": formatdate(usegmt=True), "accept": "*/*"}
    token = {"x-acs-security-token": DEMO_KEY.token} if key_id == DEMO_KEY_ID else {}
    all_headers = {**date, **token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in all_headers.items() if value is not None}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    request = {"method": method, "pathname": parts.path or "/", "query": query, "headers": kept}
    return {**kept, "authorization": signer(scheme, request, key_id, secret)}


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("scheme", [ACS3, "acs"])
def test_the_vendors_libraries_are_let_in(url: str, domain: str, scheme: str, signer: Callable[..., str]) -> None:
    door = url if scheme == ACS3 else domain
    for path in (f"/qr-codes?{urlencode(QUERY)}", "/"):
        assert ask(door + path, headers=signed(door + path, signer, scheme=scheme)) == LET_IN
    typed = signed(f"{door}/qr-codes", signer, "POST", scheme, content_type="application/json")
    assert ask(f"{door}/qr-codes", "POST", typed, b'{"phoneNumber": "1"}') == LET_IN
    assert ask(f"{door}/?n=2", headers=signed(f"{door}/?n=1", signer, scheme=scheme)) == NOT_MATCHING


@pytest.mark.parametrize("signer", SIGNERS)
def test_an_empty_parameter_is_signed(url: str, signer: Callable[..., str]) -> None:
    assert ask(f"{url}/?n=&m=1", headers=signed(f"{url}/?n=&m=1", signer)) == LET_IN


def test_two_parameters_of_one_name_are_not(url: str) -> None:
    assert ask(f"{url}/?n=1&n=1", headers=signed(f"{url}/?n=1&n=1")) == NOT_MATCHING


@pytest.mark.parametrize("token", ["", None], ids=["empty", "left out"])
def test_a_permanent_key_has_no_token(url: str, domain: str, token: str | None) -> None:
    for door, scheme in ((url, ACS3), (domain, "acs")):
        key = {"key_id": PERMANENT_KEY_ID, "secret": PERMANENT_KEY.secret, "scheme": scheme}
        assert ask(door, headers=signed(door, **key, x_acs_security_token=token)) == LET_IN  # type: ignore[arg-type]
        wrong = signed(door, **key, x_acs_security_token="other")  # type: ignore[arg-type]
        assert ask(door, headers=wrong) == NOT_MATCHING


def test_a_date_may_have_milliseconds(url: str) -> None:
    assert ask(url, headers=signed(url, x_acs_date=now().replace("Z", ".123Z"))) == LET_IN


def test_the_body_may_be_signed_by_its_hash(url: str) -> None:
    hashed = hashlib.sha256(b"{}").hexdigest()
    headers = {"x-acs-content-sha256": hashed, "x-acs-date": now(), "x-acs-security-token": str(DEMO_KEY.token)}
    signature = sign(DEMO_KEY.secret, SignedRequest("POST", "/", [], headers, b""), list(headers))
    proof = f"{ACS3} Credential={DEMO_KEY_ID},SignedHeaders={';'.join(headers)},Signature={signature}"
    assert ask(url, "POST", headers | {"authorization": proof}, b"{}") == LET_IN


def test_who_does_not_sign_is_told(url: str, domain: str) -> None:
    for door in (url, domain):
        assert ask(door) == NO_DATE
        assert ask(door, headers={"Date": formatdate(usegmt=True)}) == (
            400,
            "InvalidArgument: invalid authorization ''",
        )
    unknown = (403, "InvalidAccessKeyID: invalid access key ID 'LTAI.nobody'")
    assert ask(url, headers=signed(url, key_id="LTAI.nobody")) == unknown
    assert ask(domain, headers=signed(domain, key_id="LTAI.nobody", scheme="acs")) == unknown
    assert ask(url, headers=signed(url, secret="wrong")) == NOT_MATCHING
    assert ask(domain, headers=signed(domain, secret="wrong", scheme="acs")) == NOT_MATCHING
    assert ask(url, "POST", signed(url), b"") == NOT_MATCHING
    assert ask(url, headers=signed(url) | {"x-acs-extra": "not signed"}) == NOT_MATCHING
    assert ask(url, headers=signed(url, x_acs_date="yesterday"))[0] == 400


def test_a_signature_is_good_for_a_quarter_of_an_hour(url: str, domain: str) -> None:
    status, said = ask(url, headers=signed(url, x_acs_date="2026-08-03T01:02:03Z"))
    assert status == 403
    assert "the request time 'Mon, 03 Aug 2026 01:02:03 GMT' and the current time '" in said
    assert said.endswith(" GMT' is too large")
    assert ask(domain, headers=signed(domain, scheme="acs", date=formatdate(0, usegmt=True)))[0] == 403


@pytest.mark.parametrize("date", [{}, {"x-acs-date": now()}])
def test_the_signature_of_2_0_is_invalid(url: str, date: dict[str, str]) -> None:
    old = {"date": formatdate(usegmt=True), "authorization": "FC LTAI.sandbox:c2lnbmF0dXJl", **date}
    assert ask(url, headers=old) == (400, "InvalidArgument: invalid authorization 'FC LTAI.sandbox:c2lnbmF0dXJl'")


def test_neither_door_takes_the_others_signature(url: str, domain: str) -> None:
    assert ask(url, headers=signed(url, scheme="acs"))[1].startswith("InvalidArgument: invalid authorization 'acs ")
    assert ask(domain, headers=signed(domain))[1].startswith("InvalidArgument: invalid authorization 'ACS3-")


def test_a_preflight_need_not_sign(url: str, domain: str) -> None:
    assert ask(url, "OPTIONS") == ask(domain, "OPTIONS") == LET_IN


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@contextmanager
def asking_for_a_token(config: str) -> Iterator[str]:
    check = check_token(config)
    with serve(gateway(answer, lambda: make_context("python3.10"), check=check)) as address:
        yield f"http://{address}/qr-codes"


NO_TOKEN = (403, "JWTTokenIsMissing: the jwt token is missing")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_who_has_a_token_is_let_in(issuer: Issuer) -> None:
    with asking_for_a_token(issuer.config()) as url:
        assert ask(url, headers=bearer(issuer.token())) == LET_IN
        assert ask(url, "OPTIONS") == LET_IN


def test_whose_token_is_not_good_is_not(issuer: Issuer) -> None:
    forged = jwt.encode({"sub": "shop"}, "a secret that is long enough for HS256", algorithm="HS256")
    tokens = [issuer.token(exp=time() - 1), issuer.token(nbf=time() + 60), Issuer().token(), forged, "x"]
    with asking_for_a_token(issuer.config()) as url:
        assert ask(url) == ask(url, headers=bearer("")) == NO_TOKEN
        assert [ask(url, headers=bearer(token))[0] for token in tokens] == [403] * 5
        assert not {ask(url, headers=bearer(token)) for token in tokens} & {NO_TOKEN}
        assert ask(url, headers={"Authorization": issuer.token()}) == NO_TOKEN, "the prefix belongs to it"
        assert ask(f"{url}?token={issuer.token()}") == NO_TOKEN


def test_that_a_token_is_missing_is_not_declared_as_json(issuer: Issuer) -> None:
    with asking_for_a_token(issuer.config()) as url, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    with refused.value:
        assert refused.value.headers.get_content_type() != "application/json"


def test_where_a_token_is_looked_for(issuer: Issuer) -> None:
    with asking_for_a_token(issuer.config(tokenLookup="cookie:session,query:token,form:token")) as url:
        good, form = issuer.token(), {"Content-Type": "application/x-www-form-urlencoded"}
        assert ask(url, headers={"Cookie": f"session={good}"}) == LET_IN
        assert ask(f"{url}?token={good}") == LET_IN
        assert ask(url, "POST", form, urlencode({"token": good}).encode()) == LET_IN
        assert ask(url, headers=bearer(good)) == NO_TOKEN
        assert ask(f"{url}?token={good}", headers={"Cookie": "session=bad"})[0] == 403, "the first counts"


def test_a_token_that_names_its_key(issuer: Issuer) -> None:
    config = json.loads(issuer.config())
    with asking_for_a_token(json.dumps(config)) as url:
        assert ask(url, headers=bearer(issuer.token(headers={"kid": "one"})))[0] == 403
    config["jwks"]["keys"][0]["kid"] = "one"
    with asking_for_a_token(json.dumps(config)) as url:
        assert ask(url, headers=bearer(issuer.token(headers={"kid": "one"}))) == LET_IN
        assert ask(url, headers=bearer(issuer.token())) == LET_IN, "it need not"
        assert ask(url, headers=bearer(issuer.token(headers={"kid": "two"})))[0] == 403


def key_pair(algorithm: str) -> tuple[Any, dict[str, Any]]:
    if algorithm.startswith(("RS", "PS")):
        key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return key, RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    if algorithm.startswith("ES"):
        key = ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
        return key, ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    if algorithm == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
        return key, OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    secret = "a secret that both sides have, long enough"
    return secret, jwt.algorithms.HMACAlgorithm.to_jwk(secret, as_dict=True)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256"])
def test_the_algorithms_of_keys(algorithm: str) -> None:
    private, public = key_pair(algorithm)
    config = {"jwks": {"keys": [{**public, "alg": algorithm}]}, **CONFIG}
    with asking_for_a_token(json.dumps(config)) as url:
        assert ask(url, headers=bearer(jwt.encode({"exp": time() + 60}, private, algorithm))) == LET_IN
        assert ask(url, headers=bearer(Issuer().token()))[0] == 403


def test_the_config_is_what_the_documents_have_deployed() -> None:
    document = Path("docs/calling.md").read_text()
    assert json.dumps(json.dumps(CONFIG))[2:-2] in document
