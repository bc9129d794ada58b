"""What a route shows of a list: JSON or a drawing, gzipped for callers that accept it, rendered once for each list."""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic_core import to_json

from cams_qr.events.call import compact_json
from cams_qr.events.http.request import Request
from cams_qr.events.http.routes import CODE_PATTERN, LIST, MEDIA_TYPES
from cams_qr.events.http.style import Style
from cams_qr.outcome import CacheUse
from cams_qr.problems import Problem
from cams_qr.query import QrCode, QrCodeList

_JSON = "application/json; charset=utf-8"
_DRAWING_SECONDS = 24 * 60 * 60
_DESCRIPTION_SECONDS = 60
_NAME = re.compile(CODE_PATTERN)
# A deep link has about 40 characters.
_MAX_LINK = 512
_NO_WEIGHT = re.compile(r"q\s*=\s*0(\.0*)?")
# Less than this fits into one packet anyway.
_MIN_GZIP_BYTES = 1400
# The codes of a list differ in little more than random characters: higher levels take longer and save nothing.
_GZIP_LEVEL = 1


class Representation(NamedTuple):
    """What a route shows, ready to be sent: `body` is a JSON string of text, or of bytes in base64.

    It stays the same for `stable_seconds`, whatever happens to the list.
    """

    content_type: str
    body: bytes
    is_base64: bool
    etag: str
    headers: Mapping[str, str] = MappingProxyType({})
    stable_seconds: int | None = None

    @property
    def size(self) -> int:
        """The bytes of memory that it takes."""
        return sys.getsizeof(self.body)


def represent(
    request: Request, style: Style | None, found: QrCodeList | None, cache_use: CacheUse | None
) -> Representation:
    """What the request selects of a list, or the API's description; `style` is that of a drawing. Raises Problem."""
    gzips = accepts_gzip(request.headers.get("accept-encoding") or "")
    if found is None:
        return _description(gzips)
    if cache_use is None:
        return _render(request, style, found, gzips)
    route = request.route
    # Drawings contain no links, so the folder does not matter to them.
    folder = route.codes_folder if style is None else ""
    key = (route.template, folder, route.code, route.image_format, style, gzips, found.stale)
    return cache_use.renderings.get_or_render(key, lambda: _render(request, style, found, gzips))


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the value of an Accept-Encoding header accepts gzip. Source: RFC 9110, "Accept-Encoding"."""
    weights = {}
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        weights[coding.strip()] = weight.strip()
    weight = next((weights[name] for name in ("gzip", "x-gzip", "*") if name in weights), "q=0")
    return _NO_WEIGHT.fullmatch(weight) is None


def _render(request: Request, style: Style | None, found: QrCodeList, gzips: bool) -> Representation:
    route = request.route
    if route.template == LIST:
        document = found.model_dump(by_alias=True)
        _add_drawings(document["qrCodes"], found.qr_codes, route.codes_folder, found)
        return _representation(_JSON, to_json(document), gzips)
    code = _pick(found, route.code)
    if style is not None:
        return _drawing(code, route.image_format, style, gzips)
    document = code.model_dump(by_alias=True)
    _add_drawings([document], [code], route.codes_folder, found)
    return _representation(_JSON, to_json(document), gzips)


def _pick(found: QrCodeList, name: str) -> QrCode:
    for code in found.qr_codes:
        if code.code == name:
            return code
    raise Problem("not_found", "This number has no such QR code; ask for the list to see those it has.")


def _add_drawings(documents: Iterable[dict[str, Any]], codes: Iterable[QrCode], folder: str, found: QrCodeList) -> None:
    """Add the URL of its drawing, relative to the request's, to the document of each code that can be drawn."""
    query = {"phoneNumber": found.phone_number}
    if found.cust_space_id is not None:
        query["custSpaceId"] = found.cust_space_id
    encoded = urlencode(query)
    for document, code in zip(documents, codes, strict=True):
        if _link_to_draw(code) is not None and code.code and _NAME.fullmatch(code.code):
            document["svgUrl"] = f"{folder}{code.code}.svg?{encoded}"


def _link_to_draw(code: QrCode) -> str | None:
    """The deep link, unless it is too long to be a real one, and slow to draw."""
    link = code.deep_link_url
    return link if link and len(link) <= _MAX_LINK else None


def _drawing(code: QrCode, image_format: str, style: Style, gzips: bool) -> Representation:
    # Imported only to draw.
    from cams_qr.events.http.drawing import draw

    link = _link_to_draw(code)
    if link is None:
        raise Problem("not_found", "This QR code has no link that could be drawn.")
    headers = {
        "Content-Disposition": f'inline; filename="{code.code}.{image_format}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    drawn = draw(link, image_format, style)
    return _representation(MEDIA_TYPES[image_format], drawn, gzips, headers, _DRAWING_SECONDS)


@cache
def _description(gzips: bool) -> Representation:
    from cams_qr.events.http.openapi import document

    body = json.dumps(document(), ensure_ascii=False).encode()
    return _representation(_JSON, body, gzips, stable_seconds=_DESCRIPTION_SECONDS)


def _representation(
    content_type: str,
    body: bytes,
    gzips: bool,
    headers: Mapping[str, str] = MappingProxyType({}),
    stable_seconds: int | None = None,
) -> Representation:
    is_text = content_type != MEDIA_TYPES["png"]
    if gzips and is_text and len(body) >= _MIN_GZIP_BYTES:
        # Imported only for long lists and drawings.
        import gzip

        body, is_text = gzip.compress(body, _GZIP_LEVEL, mtime=0), False
        headers = {**headers, "Content-Encoding": "gzip"}
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    text = body.decode() if is_text else base64.b64encode(body).decode()
    return Representation(content_type, compact_json(text), not is_text, etag, headers, stable_seconds)
