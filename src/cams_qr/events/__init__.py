"""How a caller asked, and how that caller wants to be answered: one module for each trigger kind.

A module has `recognise(document)`, which looks at nothing but the shape of the event, and
`decode(document, settings, request_id)`, which makes a Call of it and raises nothing. `decode` below tries the
modules in the order of KINDS; the first that recognises the event gets it, and `unknown` recognises all.
"""

from typing import Any, Protocol

from cams_qr.events import api_gateway, direct, http_trigger, unknown
from cams_qr.events.call import Call, parse_json
from cams_qr.problems import Problem
from cams_qr.settings import Settings


class Kind(Protocol):
    """A trigger kind's module."""

    def recognise(self, document: dict[str, Any]) -> bool: ...

    def decode(self, document: dict[str, Any], settings: Settings, request_id: str) -> Call: ...


KINDS: tuple[Kind, ...] = (http_trigger, api_gateway, direct)


def decode(event: bytes, settings: Settings, request_id: str) -> Call:
    """Make a Call of the bytes Function Compute delivers. Raises nothing: what is wrong is in the Call."""
    try:
        document = parse_json(event, "event")
    except Problem as problem:
        return unknown.decode(problem, request_id)
    for kind in KINDS:
        if isinstance(document, dict) and kind.recognise(document):
            return kind.decode(document, settings, request_id)
    return unknown.decode(unknown.NO_KIND, request_id)
