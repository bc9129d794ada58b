"""Phone numbers in the notations people use reach CAMS in the one that it accepts."""

import pytest

from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function


@pytest.mark.parametrize(
    "number",
    [
        "+86 138-0000-1234",
        "+8613800001234",
        "8613800001234",
        " 8613800001234",
        "+86 (138) 0000.1234",
        "(+86)13800001234",
    ],
)
def test_human_forms(function: Function, sandbox: Sandbox, number: str) -> None:
    # In a URL, a plus that was not percent-encoded arrives as a space.
    answer = function.http(parameters={"phoneNumber": number})
    assert answer.json["phoneNumber"] == NUMBER
    assert sandbox.queries[-1] == {"PhoneNumber": NUMBER}


@pytest.mark.parametrize("number", ["1234567", "123456789012345"])
def test_seven_to_fifteen_digits_are_asked_for(function: Function, sandbox: Sandbox, number: str) -> None:
    assert function.ask(number)["problem"]["code"] == "not_owned"
    assert sandbox.queries[-1]["PhoneNumber"] == number
