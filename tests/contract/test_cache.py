"""Cached results are reused, old lists stand in when CAMS cannot be queried, and HTTP caches are told how long."""

import itertools
import json
import subprocess
from typing import Any

import pytest

from local.lists import LISTS
from local.sandbox import Sandbox
from local.serve import serve
from tests.conftest import NUMBER, Function
from tests.npm import needs_npm

OWN = "cams-8filvjc8snw"


@pytest.fixture
def cached(function: Function) -> Function:
    return function.configure(CACHE_TTL_SECONDS="60")


def http(function: Function, number: str = NUMBER, **headers: str) -> Any:
    return function.http(
        parameters={"phoneNumber": number}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_a_list_is_asked_for_once(cached: Function, sandbox: Sandbox) -> None:
    first, second = cached.ask(), cached.ask("+86 138-0000-1234")
    assert first == second
    assert len(sandbox.arrivals) == 1


def test_spaces_and_numbers_do_not_share_what_is_known(cached: Function, sandbox: Sandbox) -> None:
    assert cached.ask()["result"]["custSpaceId"] is None
    assert cached.ask(custSpaceId=OWN)["result"]["custSpaceId"] == OWN
    assert cached.ask("6281200001234")["result"]["phoneNumber"] == "6281200001234"
    assert cached.ask(custSpaceId="someone-elses")["problem"]["code"] == "not_owned"
    assert len(sandbox.arrivals) == 4


def test_allow_lists_go_before_what_is_known(cached: Function) -> None:
    cached.configure(ALLOWED_CUST_SPACE_IDS=OWN)
    assert cached.ask(custSpaceId=OWN)["status"] == 200
    assert cached.ask()["problem"]["code"] == "not_allowed"


def test_zero_turns_it_off(function: Function, sandbox: Sandbox) -> None:
    function.configure(CACHE_TTL_SECONDS="0")
    for _ in range(3):
        answer = http(function)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cache-Status" not in answer.headers
    assert len(sandbox.arrivals) == 3


def test_after_its_time_it_is_asked_for_again(cached: Function, sandbox: Sandbox) -> None:
    cached.ask()
    cached.pass_time(59)
    cached.ask()
    assert len(sandbox.arrivals) == 1
    cached.pass_time(2)
    cached.ask()
    assert len(sandbox.arrivals) == 2


@pytest.mark.parametrize("number", ["15554000004", "15554000006"])
def test_a_permanent_failure_is_remembered_for_ten_seconds(cached: Function, sandbox: Sandbox, number: str) -> None:
    answers = [cached.ask(number)["problem"] for _ in range(5)]
    assert len({(a["code"], a["upstream"]["requestId"]) for a in answers}) == 1
    assert len(sandbox.arrivals) == 1
    cached.pass_time(11)
    cached.ask(number)
    assert len(sandbox.arrivals) == 2


@pytest.mark.parametrize("row", [1, 2, 12, 14, 18, 29])
def test_no_other_failure_is_remembered(cached: Function, sandbox: Sandbox, row: int) -> None:
    cached.ask(f"1555400{row:04}")
    calls = len(sandbox.arrivals)
    cached.ask(f"1555400{row:04}")
    assert len(sandbox.arrivals) == 2 * calls


def test_an_old_list_stands_in_while_cams_is_down(cached: Function, sandbox: Sandbox) -> None:
    with serve(sandbox.app()) as endpoint:
        cached.configure(CAMS_ENDPOINT=endpoint)
        fresh = cached.ask()["result"]
    cached.pass_time(100)
    assert cached.ask()["result"] == fresh | {"stale": True}


def test_and_not_while_our_credentials_are_broken(cached: Function, sandbox: Sandbox) -> None:
    cached.ask()
    cached.pass_time(100)
    sandbox.keys.clear()
    assert cached.ask()["problem"]["code"] == "credentials_unavailable"


def test_stale_answers_say_so(cached: Function, sandbox: Sandbox) -> None:
    assert http(cached).status == 200
    cached.pass_time(100)
    sandbox.qps = 0
    cached.timeout = 2
    answer = http(cached)
    assert answer.status == 200
    assert answer.json["stale"] is True
    assert answer.headers["Cache-Control"] == "private, max-age=0"
    age = int(answer.headers["Age"])
    assert 100 <= age <= 102
    assert answer.headers["Cache-Status"] == f"cams-qr; hit; ttl={59 - age}; detail=throttled"
    assert cached.ask()["result"]["stale"] is True


def test_too_old_is_not_better_than_nothing(cached: Function, sandbox: Sandbox) -> None:
    cached.configure(CACHE_STALE_SECONDS="30")
    cached.ask()
    cached.pass_time(100)
    sandbox.qps = 0
    cached.timeout = 2
    assert cached.ask()["problem"]["code"] == "throttled"


def test_the_headers_of_a_miss_and_a_hit(cached: Function) -> None:
    miss = http(cached)
    assert miss.headers["Cache-Control"] == "private, max-age=59"
    assert miss.headers["Cache-Status"] == "cams-qr; fwd=miss"
    assert miss.headers["Age"] == "0"
    cached.pass_time(20)
    hit = http(cached)
    assert hit.headers["Cache-Control"] == "private, max-age=59"
    assert hit.headers["Cache-Status"] == "cams-qr; hit; ttl=39"
    assert hit.headers["Age"] == "20"
    assert hit.headers["ETag"] == miss.headers["ETag"]


def reuse(answers: list[Any]) -> list[float]:
    """For how many seconds browsers reuse these answers; other caches must not store them."""
    headers = json.dumps([{name.lower(): value for name, value in answer.headers.items()} for answer in answers])
    done = subprocess.run(["node", "freshness.js", headers], cwd="tests/node", capture_output=True, check=True)
    verdicts = json.loads(done.stdout)
    assert not any(is_shared for _, is_shared in verdicts)
    return [milliseconds / 1000 for milliseconds, _ in verdicts]


@needs_npm
@pytest.mark.parametrize("ttl", [1, 60, 300])
def test_caches_reuse_a_list_until_it_expires_and_no_longer(cached: Function, sandbox: Sandbox, ttl: int) -> None:
    cached.configure(CACHE_TTL_SECONDS=str(ttl))
    cached.timeout = 2
    ages = sorted({0, 1, ttl // 2, ttl - 2, ttl - 1} & set(range(ttl)))
    answers = [http(cached)]
    for before, age in itertools.pairwise(ages):
        cached.pass_time(age - before)
        answers.append(http(cached))
    sandbox.qps = 0
    cached.pass_time(ttl)
    answers.append(http(cached))
    assert answers[-1].json["stale"] is True
    *fresh, stale = reuse(answers)
    assert len(fresh) == len(ages)
    for age, seconds in zip(ages, fresh, strict=True):
        assert ttl - age - 2 < seconds <= ttl - age
    assert stale == 0


@needs_npm
def test_caches_reuse_a_drawing_for_a_day_whatever_the_lists_age(cached: Function) -> None:
    def draw(ending: str) -> Any:
        return cached.http(path=f"/qr-codes/4O4YGZEG3RIVE1.{ending}", parameters={"phoneNumber": NUMBER})

    answers = [draw("svg"), draw("png")]
    cached.pass_time(50)
    answers += [draw("svg"), draw("png")]
    # The clock goes on while it judges.
    assert [round(seconds) for seconds in reuse(answers)] == [86_400] * 4


def test_the_headers_of_a_list_that_has_expired(cached: Function) -> None:
    http(cached)
    cached.pass_time(100)
    assert http(cached).headers["Cache-Status"] == "cams-qr; fwd=stale"


def test_a_browser_keeps_no_list_for_the_next_who_logs_in(cached: Function) -> None:
    cached.configure(CUST_SPACE_HEADER="X-Cust-Space")
    answer = http(cached, X_Cust_Space=OWN)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Origin, Authorization, Accept-Encoding"
    assert answer.headers["ETag"]


def test_nobody_keeps_what_is_not_cached_here_either(cached: Function) -> None:
    cached.configure(CUST_SPACE_HEADER="X-Cust-Space", CACHE_TTL_SECONDS="0")
    assert http(cached, X_Cust_Space=OWN).headers["Cache-Control"] == "no-store"


def test_a_condition_is_for_get_alone(cached: Function) -> None:
    body = json.dumps({"phoneNumber": NUMBER})
    assert cached.http("POST", body=body, headers={"If-None-Match": "*"}).status == 200


def test_if_none_match(cached: Function) -> None:
    etag = http(cached).headers["ETag"]
    assert etag.startswith('"')
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = http(cached, if_none_match=condition)
        assert (answer.status, answer.body) == (304, "")
        assert answer.headers["ETag"] == etag
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        assert answer.headers["Access-Control-Expose-Headers"].startswith("ETag")
    for condition in ("", '"other"', etag.strip('"'), f"{etag}x"):
        assert http(cached, If_None_Match=condition).status == 200
    assert http(cached, "6281200001234", if_none_match=etag).status == 200


@pytest.mark.parametrize("path", ["/qr-codes", "/qr-codes/4O4YGZEG3RIVE1", "/qr-codes/4O4YGZEG3RIVE1.svg"])
def test_what_is_shown_changes_with_the_list(
    cached: Function, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def show() -> Any:
        return cached.http(path=path, parameters={"phoneNumber": NUMBER})

    before = show()
    assert show().body == before.body
    changed = {**LISTS[NUMBER][0], "DeepLinkUrl": "https://wa.me/message/CHANGED", "PrefilledMessage": "changed"}
    monkeypatch.setitem(LISTS, NUMBER, [changed])
    assert show().body == before.body
    cached.pass_time(61)
    after = show()
    assert after.body != before.body
    assert after.headers["ETag"] != before.headers["ETag"]
    assert show().body == after.body


def test_what_is_shown_depends_on_all_that_is_asked(cached: Function) -> None:
    def show(path: str, **parameters: str) -> str:
        parameters = {"phoneNumber": NUMBER, **parameters}
        return str(cached.http(path=path, parameters=parameters).body)

    drawing = "/qr-codes/4O4YGZEG3RIVE1.svg"
    asked: list[tuple[str, dict[str, str]]] = [
        ("/qr-codes", {}),
        ("/qr-codes/", {}),
        ("/qr-codes", {"custSpaceId": OWN}),
        ("/qr-codes", {"phoneNumber": "6281200001234"}),
        ("/qr-codes/4O4YGZEG3RIVE1", {}),
        ("/qr-codes/WOMVT6TJ2BP7A1", {}),
        (drawing, {}),
        (drawing, {"dark": "123"}),
        (drawing, {"scale": "9"}),
        ("/qr-codes/4O4YGZEG3RIVE1.png", {}),
        ("/qr-codes/WOMVT6TJ2BP7A1.svg", {}),
    ]
    first = [show(path, **parameters) for path, parameters in asked]
    assert len(set(first)) == len(asked)
    assert [show(path, **parameters) for path, parameters in reversed(asked)] == first[::-1]


def test_a_problem_is_never_not_modified(cached: Function) -> None:
    assert http(cached, "15554000004", if_none_match="*").status == 404


def test_the_instance_keeps_a_bounded_number(cached: Function, sandbox: Sandbox) -> None:
    for number in range(1100):
        cached.ask(f"49151{number:07}")
    cached.ask("491510000000")
    assert len(sandbox.arrivals) == 1101
    cached.ask("491510001099")
    assert len(sandbox.arrivals) == 1101


def test_the_log_tells(cached: Function, log: Any) -> None:
    cached.ask()
    cached.ask()
    assert [line["cache"] for line in log()] == ["miss", "hit"]
