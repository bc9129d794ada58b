"""A page that a server renders: `python -m examples.page https://… 8613800001234`, then http://127.0.0.1:8080/.

The page has no script and no secret. This server queries the function with its own credentials, and proxies the
drawings that the page's `<img src=svgUrl>` requests, but only those of this number.
"""

import re
import sys
from collections.abc import Callable, Iterable
from html import escape
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import make_server

from alibabacloud_credentials.client import Client as CredentialClient

from examples.answers import Answer, QrCode
from examples.ask_http import Caller, QrCodesFailed, with_signature

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_DRAWING = re.compile(r"/qr-codes/([A-Za-z0-9_-]+)\.svg")
_PAGE = """<!doctype html>
<html lang="en">
<title>Write to us</title>
<meta name="viewport" content="width=device-width">
<main>
<h1>Write to us on WhatsApp</h1>
{}
</main>
"""
_NOT_FOUND = ("404 Not Found", "text/plain; charset=utf-8", b"Not found")
_HEADERS = [
    ("Content-Security-Policy", "default-src 'none'; img-src 'self'"),
    ("X-Content-Type-Options", "nosniff"),
]


def application(caller: Caller, phone_number: str) -> Application:
    """A WSGI application with the page at `/`."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/":
            status, content_type, body = _page(caller.list_codes(phoneNumber=phone_number))
        elif drawing := _DRAWING.fullmatch(path):
            status, content_type, body = _drawing(caller, phone_number, drawing[1])
        else:
            status, content_type, body = _NOT_FOUND
        start_response(status, [("Content-Type", content_type), ("Cache-Control", "max-age=60"), *_HEADERS])
        return [body]

    return answer


def _page(answer: Answer) -> tuple[str, str, bytes]:
    if "problem" in answer:
        return "503 Service Unavailable", "text/html; charset=utf-8", _PAGE.format("<p>Please try later.").encode()
    figures = "".join(_figure(code) for code in answer["result"]["qrCodes"] if code["svgUrl"])
    return "200 OK", "text/html; charset=utf-8", _PAGE.format(figures).encode()


def _figure(code: QrCode) -> str:
    # What somebody typed in WhatsApp is text, never HTML.
    message, address = escape(code["prefilledMessage"] or ""), escape(code["svgUrl"] or "")
    return f'<figure><img src="{address}" alt="QR code: {message}" width="240" height="240" loading="lazy">' + (
        f"<figcaption>{message}</figcaption></figure>"
    )


def _drawing(caller: Caller, phone_number: str, code: str) -> tuple[str, str, bytes]:
    try:
        drawn = caller.draw(f"qr-codes/{code}.svg?phoneNumber={quote(phone_number)}")
    except QrCodesFailed:
        return _NOT_FOUND
    return "200 OK", "image/svg+xml", drawn


if __name__ == "__main__":
    endpoint, number = sys.argv[1:]
    make_server(
        "127.0.0.1", 8080, application(Caller(endpoint, with_signature(CredentialClient())), number)
    ).serve_forever()
