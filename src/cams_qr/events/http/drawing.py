"""QR codes drawn from their links, as SVG or PNG. Importing this imports segno, so it is imported only to draw."""

import io

import segno

from cams_qr.events.http.style import Style


def draw(link: str, image_format: str, style: Style) -> bytes:
    """The link as an image in the format `svg` or `png`; the same bytes every time."""
    drawn = io.BytesIO()
    segno.make_qr(link, error="m").save(
        drawn,
        kind=image_format,
        scale=style.scale,
        border=style.border,
        dark=_hex(style.dark),
        light=None if style.light == "transparent" else _hex(style.light),
    )
    return drawn.getvalue()


def _hex(colour: str) -> str:
    return f"#{colour.removeprefix('#').lower()}"
