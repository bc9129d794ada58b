"""The sandbox's signature check, tested with Alibaba Cloud's published examples."""

import dataclasses
import hashlib
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from local.acs3 import AccessKey, Refused, SignedRequest, Verifier, canonical_request, sign

SIGNED = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"]

# "Request syntax and signature method V3", fixed-parameter example; and "ROA-style request body and signature".
VECTORS = {
    "A": (
        "2023-10-26T10:22:32Z",
        "3156853299f313e23d1673dc12e1703d",
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259",
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
    ),
    "B": (
        "2023-10-26T09:01:01Z",
        "d410180a5abf7fe235dd9b74aca91fc0",
        "29622f5feb1e9fcaaa2e276a72889c975f7b16f00e02be1ca34965b18cd85015",
        "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
    ),
}


@pytest.mark.parametrize(("date", "nonce", "hashed", "signature"), VECTORS.values(), ids=VECTORS)
def test_published_vectors(date: str, nonce: str, hashed: str, signature: str) -> None:
    request = SignedRequest(
        "POST",
        "/",
        [("RegionId", "cn-shanghai"), ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd")],
        {
            "host": "ecs.cn-shanghai.aliyuncs.com",
            "x-acs-action": "RunInstances",
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": date,
            "x-acs-signature-nonce": nonce,
            "x-acs-version": "2014-05-26",
        },
        b"",
    )
    assert hashlib.sha256(canonical_request(request, SIGNED).encode()).hexdigest() == hashed
    assert sign("YourAccessKeySecret", request, SIGNED) == signature


def signed(key_id: str = "K", secret: str = "s", at: datetime | None = None, **headers: str | None) -> SignedRequest:
    """A correctly signed request; `headers` (with _ for -) replace or, as None, remove what is signed."""
    all_headers: dict[str, str | None] = {
        "host": "cams.ap-southeast-1.aliyuncs.com",
        "x-acs-action": "ListPhoneMessageQrdl",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": (at or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-version": "2020-06-06",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    kept = {name: value for name, value in all_headers.items() if value is not None}
    request = SignedRequest("POST", "/", [("PhoneNumber", "+86 1~*é")], kept, b"")
    names = sorted(kept)
    authorization = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(names)},Signature={sign(secret, request, names)}"
    )
    return dataclasses.replace(request, headers={**kept, "authorization": authorization})


def refusal(request: SignedRequest, verifier: Verifier | None = None) -> str:
    verifier = verifier or Verifier({"K": AccessKey("s"), "T": AccessKey("s", token="t")})
    with pytest.raises(Refused) as refused:
        verifier.verify(request)
    return refused.value.code


def test_a_good_signature_passes_once() -> None:
    verifier, request = Verifier({"K": AccessKey("s")}), signed()
    assert verifier.verify(request) == "K"
    assert refusal(request, verifier) == "SignatureNonceUsed"


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_may_be_fifteen_minutes_off(minutes: int) -> None:
    at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    assert Verifier({"K": AccessKey("s")}).verify(signed(at=at)) == "K"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_and_no_more(minutes: int) -> None:
    assert refusal(signed(at=datetime.now(timezone.utc) + timedelta(minutes=minutes))) == "InvalidTimeStamp.Expired"


def test_each_part_is_checked() -> None:
    good = signed()
    assert refusal(signed(key_id="unknown")) == "InvalidAccessKeyId.NotFound"
    assert refusal(signed(), Verifier({"K": AccessKey("s", active=False)})) == "InvalidAccessKeyId.Inactive"
    assert refusal(signed(secret="wrong")) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, body=b"x")) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, method="GET")) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, path="/x")) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, query=[("PhoneNumber", "+86 1~*e")])) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, query=[*good.query, ("a", "b")])) == "SignatureDoesNotMatch"
    assert refusal(dataclasses.replace(good, headers={**good.headers, "x-acs-extra": "1"})) == "IncompleteSignature"
    assert refusal(dataclasses.replace(good, headers={**good.headers, "authorization": "x"})) == "IncompleteSignature"
    assert refusal(signed(x_acs_date="yesterday")) == "InvalidTimeStamp.Format"
    assert refusal(signed(x_acs_signature_nonce=None)) == "MissingSignatureNonce"
    assert refusal(signed(key_id="T")) == "MissingSecurityToken"
    assert refusal(signed(key_id="T", x_acs_security_token="u")) == "InvalidSecurityToken.Malformed"
    assert refusal(signed(x_acs_security_token="t")) == "InvalidSecurityToken.MismatchWithAccessKey"
    expired = Verifier({"T": AccessKey("s", token="t", expired=True)})
    assert refusal(signed(key_id="T", x_acs_security_token="t"), expired) == "InvalidSecurityToken.Expired"
