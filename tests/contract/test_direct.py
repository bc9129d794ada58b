"""The direct event: the answer is returned, success or not."""

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


def test_an_answer_that_its_caller_changes(function: Function) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    first = function.ask()
    first["result"]["qrCodes"].clear()
    first["status"] = 500
    assert function.ask()["result"]["qrCodes"]
