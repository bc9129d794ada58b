"""An entry of the cache as the JSON text that Redis keeps; imported only where there is Redis."""

import time

from pydantic import BaseModel, Field, ValidationError

from cams_qr.cache import Entry
from cams_qr.problems import KINDS, Problem, Upstream
from cams_qr.query import QrCodeList


class _Failure(BaseModel):
    code: str
    detail: str
    upstream_code: str | None
    upstream_request_id: str | None


class _Stored(BaseModel):
    """`at` is Unix time; there is either a list or a failure."""

    at: float = Field(allow_inf_nan=False)
    found: QrCodeList | None = None
    failure: _Failure | None = None


def to_json(entry: Entry) -> str:
    """The text to keep of an entry."""
    if isinstance(entry.result, QrCodeList):
        return _Stored(at=entry.at, found=entry.result).model_dump_json(by_alias=True)
    upstream = entry.result.upstream or Upstream(None, None)
    failure = _Failure(
        code=entry.result.code,
        detail=entry.result.detail,
        upstream_code=upstream.code,
        upstream_request_id=upstream.request_id,
    )
    return _Stored(at=entry.at, failure=failure).model_dump_json()


def from_json(text: bytes | str) -> Entry | None:
    """The entry in a text, or None where it is none of ours."""
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError:
        return None
    # Another instance's clock may be ahead; nothing is fresh for longer than from now.
    at = min(stored.at, time.time())
    if stored.found is not None:
        return Entry(stored.found, at)
    failure = stored.failure
    if failure is None or failure.code not in KINDS:
        return None
    upstream = Upstream(failure.upstream_code, failure.upstream_request_id)
    return Entry(Problem(failure.code, failure.detail, upstream=upstream), at)
