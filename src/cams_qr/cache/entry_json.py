"""A cache entry as the JSON text that Redis keeps, and that is validated like an answer of CAMS when it is read."""

import re
import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cams_qr.problems import Problem, Upstream, from_upstream, is_identifier
from cams_qr.query import MAX_CODES, QrCodeList, QrQuery, is_quick_to_parse

# Failures that a retry cannot change. Any other may be temporary, or our own.
PERMANENT_FAILURES = frozenset({"not_owned", "invalid_request"})
_MOMENT = re.compile("[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")


def _sound_list(found: QrCodeList) -> QrCodeList:
    """The list, if it can be one of `cams/`. Raises ValueError."""
    if (
        found.stale
        or len(found.qr_codes) > MAX_CODES
        or any(code.svg_url is not None for code in found.qr_codes)
        or not _MOMENT.fullmatch(found.fetched_at)
        or not (found.request_id is None or is_identifier(found.request_id))
    ):
        raise ValueError
    return found


def _sound_upstream(upstream: Upstream) -> Upstream:
    """The code and the request ID, if both may be logged. Raises ValueError."""
    if not all(text is None or is_identifier(text) for text in upstream):
        raise ValueError
    return upstream


class _Failure(BaseModel):
    """A failure that CAMS reported. What it means is not stored, but follows from its code."""

    model_config = ConfigDict(defer_build=True)

    phone_number: str
    cust_space_id: str | None
    upstream: Annotated[Upstream, AfterValidator(_sound_upstream)]

    def problem(self) -> Problem | None:
        problem = from_upstream(*self.upstream, status=200, retry_after=None)
        return problem if problem.code in PERMANENT_FAILURES else None


class _Stored(BaseModel):
    """Either a list or a failure. `lifetime` is the seconds for which Redis was asked to keep it.

    The seconds left give its age by the server's clock; the clocks of two instances may differ widely.
    """

    # Instances without Redis need no validator.
    model_config = ConfigDict(defer_build=True)

    lifetime: float = Field(allow_inf_nan=False)
    found: Annotated[QrCodeList, AfterValidator(_sound_list)] | None = None
    failure: _Failure | None = None


def to_json(query: QrQuery, result: QrCodeList | Problem, lifetime: float) -> str:
    """The text to store for a query's result, to be kept for `lifetime` seconds."""
    if isinstance(result, QrCodeList):
        return _Stored(lifetime=lifetime, found=result).model_dump_json(by_alias=True)
    failure = _Failure(
        phone_number=query.phone_number,
        cust_space_id=query.cust_space_id,
        upstream=result.upstream or Upstream(None, None),
    )
    return _Stored(lifetime=lifetime, failure=failure).model_dump_json()


def from_json(query: QrQuery, text: Any, left: float) -> tuple[QrCodeList | Problem, float] | None:
    """The result in a text that Redis keeps for `left` more seconds, and the Unix time it was stored at.

    None if the text is not one of ours for this query.
    """
    if not isinstance(text, bytes) or not is_quick_to_parse(text):
        return None
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError:
        return None
    held = stored.found or stored.failure
    if held is None or (held.phone_number, held.cust_space_id) != (query.phone_number, query.cust_space_id):
        return None
    # A key that never expires, or later than it should, has no age.
    if not 0 <= left <= stored.lifetime:
        return None
    result = held if isinstance(held, QrCodeList) else held.problem()
    return (result, time.time() - (stored.lifetime - left)) if result is not None else None
