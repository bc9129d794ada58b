"""CORS: exactly the configured origins, and always the function's own headers, so that FC never reflects an origin."""

import pytest

from tests.conftest import NUMBER, Function

SHOP = "https://shop.example.com"


@pytest.mark.parametrize("path", ["/qr-codes", "/", "/v2/qr-codes"])
@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_a_preflight_is_answered_with_204(function: Function, shape: str, path: str) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    answer = function.http(
        "OPTIONS", path, shape=shape, headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    )
    assert answer.status == 204
    assert answer.body == ""
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, If-None-Match"


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        (SHOP, SHOP, SHOP),
        (f"{SHOP}, https://b.example.com", "https://b.example.com", "https://b.example.com"),
        ("*", SHOP, "*"),
        (SHOP, "https://shop.example.com.evil.net", None),
        (SHOP, "https://SHOP.example.com", None),
        (SHOP, "http://shop.example.com", None),
        (SHOP, "null", None),
        (SHOP, f"{SHOP},https://evil.net", None),
        ("", SHOP, None),
        ("", None, None),
    ],
)
def test_exactly_the_allowed_origins(
    function: Function, allowed: str, origin: str | None, answered: str | None
) -> None:
    function.configure(ALLOWED_ORIGINS=allowed)
    headers = {} if origin is None else {"origin": origin}
    for parameters in ({"phoneNumber": NUMBER}, {}):
        answer = function.http(parameters=parameters, headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == (answered or "https://not-allowed.invalid")
        assert answer.headers["Access-Control-Allow-Credentials"] == "false"
        assert answer.headers["Vary"] == "Origin, Authorization, Accept-Encoding"
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id, Cache-Status"


def test_a_preflight_asks_nothing(function: Function, log: object) -> None:
    assert function.http("OPTIONS", headers={"Origin": SHOP}, parameters={"phoneNumber": "bad"}).status == 204
