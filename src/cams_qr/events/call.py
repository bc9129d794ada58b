"""What every trigger kind makes of an event: a Call."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrQuery, invalid_field


@dataclass(frozen=True)
class Call:
    """Who asked (`trigger`, `route`), what they ask, and how they want to be answered.

    `queries` are in the caller's order; one that could not be read is the Problem with it. `encode` takes one
    outcome for each and returns what Function Compute hands back. An `interactive` caller waits for a permit no
    longer than CAMS_MAX_WAIT_SECONDS.
    """

    trigger: str
    queries: tuple[QrQuery | Problem, ...]
    encode: Callable[[Sequence[Outcome]], object]
    route: str | None = None
    interactive: bool = False


def parse_json(data: bytes | str, field: str) -> Any:
    """Parse JSON, strictly: UTF-8, no key twice, no NaN. Raises Problem `invalid_request` that names `field`."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return _decode(text)
    except UnicodeDecodeError:
        raise invalid_field(field, "is not UTF-8; send JSON in UTF-8") from None
    except _DuplicateKey as error:
        raise invalid_field(str(error), "is given twice; give it once") from None
    except RecursionError:
        raise invalid_field(field, "is nested too deeply; send one flat JSON object") from None
    except ValueError:
        raise invalid_field(field, "is not JSON; send one JSON object") from None


class _DuplicateKey(Exception):
    pass


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKey(next(name for name in names if names.count(name) > 1)[:64])
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_decode = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant).decode
