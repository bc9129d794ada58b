"""Any other event."""

from typing import Any

from cams_qr.problems import FieldError, Problem

_NO_TRIGGER = Problem(
    "invalid_request",
    "This kind of event is not supported; send an HTTP request through a trigger or gateway, "
    'or an object like {"phoneNumber": "8613800001234"}.',
    errors=(FieldError("phoneNumber", "is required"),),
)


def recognise(document: Any) -> bool:
    """True: the other triggers are tried first."""
    return True


def read(document: Any) -> Problem:
    """The problem with the event, which may be that it could not be parsed."""
    return document if isinstance(document, Problem) else _NO_TRIGGER
