"""A cache entry as the JSON text that Redis keeps."""

import time

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cams_qr.problems import KINDS, Problem, Upstream
from cams_qr.query import QrCodeList, QrQuery


class _Failure(BaseModel):
    model_config = ConfigDict(defer_build=True)

    phone_number: str
    cust_space_id: str | None
    code: str
    detail: str
    upstream: Upstream | None


class _Stored(BaseModel):
    """Either a list or a failure. `lifetime` is the seconds for which Redis was asked to keep it.

    The seconds left give its age by the server's clock; the clocks of two instances may differ widely.
    """

    # Instances without Redis need no validator.
    model_config = ConfigDict(defer_build=True)

    lifetime: float = Field(allow_inf_nan=False)
    found: QrCodeList | None = None
    failure: _Failure | None = None


def to_json(query: QrQuery, result: QrCodeList | Problem, lifetime: float) -> str:
    """The text to store for a query's result, to be kept for `lifetime` seconds."""
    if isinstance(result, QrCodeList):
        return _Stored(lifetime=lifetime, found=result).model_dump_json(by_alias=True)
    failure = _Failure(
        phone_number=query.phone_number,
        cust_space_id=query.cust_space_id,
        code=result.code,
        detail=result.detail,
        upstream=result.upstream,
    )
    return _Stored(lifetime=lifetime, failure=failure).model_dump_json()


def from_json(query: QrQuery, text: bytes | str, left: float) -> tuple[QrCodeList | Problem, float] | None:
    """The result in a text that Redis keeps for `left` more seconds, and the Unix time it was stored at.

    None if the text is not one of ours for this query.
    """
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
    at = time.time() - (stored.lifetime - left)
    if isinstance(held, QrCodeList):
        return held, at
    return (Problem(held.code, held.detail, upstream=held.upstream), at) if held.code in KINDS else None
