"""The direct event: the answer is returned, success or not."""

from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from tests.conftest import NUMBER, Function


def test_a_list(function: Function) -> None:
    answer = function.direct({"phoneNumber": "+86 138-0000-1234", "custSpaceId": None})
    assert set(answer) == {"status", "result"}
    assert answer["status"] == 200
    assert list(answer["result"]) == ["phoneNumber", "custSpaceId", "qrCodes", "requestId", "fetchedAt", "stale"]
    assert answer["result"]["phoneNumber"] == NUMBER
    assert answer["result"]["qrCodes"][0]["code"] == "4O4YGZEG3RIVE1"


def test_a_problem(function: Function) -> None:
    context = function.context()
    answer = function.direct({"phoneNumber": "4915112345678"}, context)
    assert answer == {
        "status": 404,
        "problem": {
            "type": "urn:cams-qr:problem:not_owned",
            "title": "No such phone number in this account",
            "status": 404,
            "code": "not_owned",
            "detail": "Query a phone number and custSpaceId that belong to the function's account.",
            "requestId": context.request_id,
            "retryable": False,
            "upstream": {"code": "ERR-OPERATION-MAAP-0065", "requestId": answer["problem"]["upstream"]["requestId"]},
        },
    }


def test_the_spellings_of_the_api(function: Function) -> None:
    answer = function.direct({"PhoneNumber": NUMBER, "CustSpaceId": "cams-8filvjc8snw"})
    assert answer["result"]["custSpaceId"] == "cams-8filvjc8snw"


def test_a_byte_order_mark_is_skipped(function: Function) -> None:
    assert function.raw(b'\xef\xbb\xbf{"phoneNumber": "8613800001234"}')["status"] == 200


REPEATED = {
    "a query": (b'{"phoneNumber": "8613800001234"}', "direct", 200),
    "the same in the API's spelling": (b'{"PhoneNumber": "8613800001234"}', "direct", 200),
    "a number that is none": (b'{"phoneNumber": "bad"}', "direct", 400),
    "a value that is a list": (b'{"phoneNumber": ["8613800001234"]}', "direct", 400),
    "true for one": (b'{"phoneNumber": true}', "direct", 400),
    "a field too many": (b'{"phoneNumber": "8613800001234", "limit": 1}', "direct", 400),
    "a CloudEvent's field": (b'{"phoneNumber": "8613800001234", "specversion": "1.0"}', "cloud_event", None),
    "a batch's field": (b'{"phoneNumber": "8613800001234", "queries": []}', "batch", 400),
    "a topic's field": (b'{"phoneNumber": "8613800001234", "Message": "8613800001234"}', "direct", 400),
    "a topic's text": (b"8613800001234", "topic", 200),
    "a stream": (b'["8613800001234"]', "stream", 207),
    "no JSON": (b'{"phoneNumber": "8613800001234"', "unknown", 400),
    "a key twice": (b'{"phoneNumber": "8613800001234", "phoneNumber": "8613800001234"}', "unknown", 400),
}


@pytest.mark.parametrize("what", REPEATED)
def test_the_same_bytes_again(function: Function, log: Any, what: str) -> None:
    event, trigger, status = REPEATED[what]
    for _ in range(3):
        context = function.context()
        if status is None:
            with pytest.raises(QueryFailed, match=context.request_id):
                function.raw(event, context)
        else:
            answer = function.raw(event, context)
            assert answer["status"] == status
            assert "problem" not in answer or answer["problem"]["requestId"] == context.request_id
        line = log()[-1]
        assert (line["trigger"], line["requestId"]) == (trigger, context.request_id)


def test_an_answer_that_its_caller_changes(function: Function) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    first = function.ask()
    first["result"]["qrCodes"].clear()
    first["status"] = 500
    assert function.ask()["result"]["qrCodes"]
