"""The Python client over HTTP: behind a trigger that requires tokens or signatures, and with every problem."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from cams_qr.problems import KINDS
from examples import answers
from examples.ask_http import Authorise, Caller, QrCodesFailed, with_domain_signature, with_signature, with_token
from local.gateway import gateway
from local.serve import serve
from local.trigger_auth import check_domain_signature, check_signature, check_token
from tests.conftest import NUMBER, Function
from tests.examples.problems import ASKED, every_problem, noting, one_at_a_time, that_does_not_start
from tests.tokens import Issuer, demo_credentials

ANYBODY: Authorise = lambda request: request  # noqa: E731
SCHEMAS = json.loads(Path("docs/openapi.json").read_text())["components"]["schemas"]


@pytest.mark.parametrize("name", ["QrCode", "QrCodeList"])
def test_the_types_are_those_of_the_description(name: str) -> None:
    assert set(getattr(answers, name).__annotations__) == set(SCHEMAS[name]["properties"])


def test_every_code_has_a_type_and_every_type_the_described_fields() -> None:
    kinds = [kind for kind in get_args(answers.Problem) if kind is not answers.Refused]
    codes = [code for kind in kinds for code in get_args(get_type_hints(kind)["code"])]
    assert sorted(codes) == sorted(KINDS)
    fields = {field for kind in kinds for field in get_type_hints(kind)}
    assert fields == set(SCHEMAS["Problem"]["properties"])
    retry_later = get_args(get_type_hints(answers.RetryLater)["code"])
    assert set(retry_later) == {code for code, kind in KINDS.items() if kind.retry_after}


def test_every_problem(function: Function) -> None:
    with every_problem(function) as url:
        caller = Caller(url, ANYBODY, attempts=1)
        for code, (route, body, content_type, origin) in ASKED.items():
            headers = ({"Content-Type": content_type} if body else {}) | ({"Origin": origin} if origin else {})
            answer = caller.ask("POST" if body else "GET", route, data=body, headers=headers)
            assert "problem" in answer
            assert (answer["problem"]["code"], answer["status"]) == (code, KINDS[code].status)
            if answer["problem"]["code"] == "throttled":
                assert answer["problem"]["retryAfter"] == 1


def test_a_caller_without_credentials_is_refused(function: Function) -> None:
    issuer = Issuer()
    for check, authorise in (
        (check_signature, with_signature(demo_credentials())),
        (check_domain_signature, with_domain_signature(demo_credentials())),
        (check_token(issuer.config()), with_token(issuer.token)),
    ):
        with serve(gateway(function.raw, function.context, check=check)) as address:
            refused: Any = Caller(f"http://{address}", ANYBODY).list_codes(phoneNumber=NUMBER)
            assert refused["problem"]["code"] == "refused"
            assert refused["status"] == refused["problem"]["status"] in (400, 403)
            caller = Caller(f"http://{address}", authorise)
            found = caller.list_codes(phoneNumber=NUMBER)
            assert "result" in found
            assert "result" in caller.ask("POST", "qr-codes", json={"phoneNumber": NUMBER})
            drawing = found["result"]["qrCodes"][0]["svgUrl"]
            assert drawing
            assert caller.draw(drawing).startswith(b"<?xml")
            with pytest.raises(QrCodesFailed, match="not_found"):
                caller.draw(drawing.replace("4O4", "XXX"))


@pytest.mark.parametrize("authorise", [with_signature, with_domain_signature])
def test_a_query_with_a_name_twice_is_not_signed(authorise: Any) -> None:
    caller = Caller("http://127.0.0.1", authorise(demo_credentials()))
    with pytest.raises(ValueError, match="a name occurs twice in the query"):
        caller.ask("GET", "qr-codes?phoneNumber=1&phoneNumber=2")


def test_a_function_that_does_not_start_is_no_list(function: Function) -> None:
    with that_does_not_start(function) as url:
        caller = Caller(url, ANYBODY)
        answer: Any = caller.list_codes(phoneNumber=NUMBER)
        assert (answer["status"], answer["problem"]["code"]) == (200, "refused")
        assert "CAMS_QPS" in answer["problem"]["detail"]
        with pytest.raises(QrCodesFailed, match="CAMS_QPS"):
            caller.draw(f"qr-codes/4O4YGZEG3RIVE1.svg?phoneNumber={NUMBER}")
        assert "result" in caller.list_codes(phoneNumber=NUMBER), "the next instance starts"


def test_it_retries_after_the_time_in_retry_after(function: Function) -> None:
    function.configure(CAMS_QPS="1", CAMS_MAX_WAIT_SECONDS="0")
    with noting(function) as (url, statuses):
        caller = Caller(url, ANYBODY)
        assert caller.list_codes(phoneNumber=NUMBER)["status"] == 200
        assert caller.list_codes(phoneNumber="6281200001234")["status"] == 200
    assert statuses == [200, 429, 200]


@pytest.mark.thorough
def test_it_retries_when_all_instances_are_busy(function: Function) -> None:
    with one_at_a_time(function) as url, ThreadPoolExecutor() as pool:
        for attempts, statuses in ((1, [200, 429]), (3, [200, 200])):
            callers = [Caller(url, ANYBODY, attempts) for _ in range(2)]
            answers = pool.map(lambda caller: caller.list_codes(phoneNumber=NUMBER), callers)
            assert sorted(answer["status"] for answer in answers) == statuses


def test_what_has_not_changed_is_not_sent_again(function: Function) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    with noting(function) as (url, statuses):
        caller = Caller(url, ANYBODY)
        first = caller.list_codes(phoneNumber=NUMBER)
        assert first == caller.list_codes(phoneNumber=NUMBER)
        assert "result" in first
        for _ in range(2):
            posted = caller.ask("POST", "qr-codes", json={"phoneNumber": NUMBER})
            assert "result" in posted
            assert [code["code"] for code in posted["result"]["qrCodes"]] == [
                code["code"] for code in first["result"]["qrCodes"]
            ]
    assert statuses == [200, 304, 200, 200]
