"""An event of no supported kind: answered like a direct call, with what is wrong with it."""

from cams_qr.events.answers import answer_one
from cams_qr.events.call import Call
from cams_qr.problems import FieldError, Problem

NO_KIND = Problem(
    "invalid_request",
    "This event is of no supported kind: send an HTTP request through a trigger or gateway, "
    'or an object like {"phoneNumber": "8613800001234"}.',
    errors=(FieldError("phoneNumber", "is required"),),
)


def decode(problem: Problem, request_id: str) -> Call:
    """Make a Call that answers with the problem."""
    return Call("unknown", (problem,), lambda outcomes: answer_one(outcomes[0], request_id))
