"""The routes of the HTTP contract. They match the end of a path, so a gateway may add any prefix."""

import re
from typing import Literal, NamedTuple

LIST = "/qr-codes"
CODE = "/qr-codes/{code}"
DRAWING = "/qr-codes/{code}.{format}"
OPENAPI = "/openapi.json"

METHODS = {
    LIST: ("GET", "POST", "OPTIONS"),
    CODE: ("GET", "OPTIONS"),
    DRAWING: ("GET", "OPTIONS"),
    OPENAPI: ("GET", "OPTIONS"),
}

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}

# WhatsApp's codes consist of capital letters and digits.
CODE_PATTERN = "[A-Za-z0-9_-]{1,64}"
# Each slash at the end adds `../` to every URL of a list.
_MAX_SEGMENTS = 16
_LAST = re.compile(rf"({CODE_PATTERN})(?:\.(svg|png))?")


class Route(NamedTuple):
    """A route and its path's values; `codes_folder` is the folder of the codes' routes, relative to the request's URL.

    `template` is None if no route matches the path.
    """

    template: Literal["/qr-codes", "/qr-codes/{code}", "/qr-codes/{code}.{format}", "/openapi.json"] | None
    codes_folder: str = ""
    code: str = ""
    image_format: str = ""

    def methods(self) -> tuple[str, ...]:
        """The methods that the route accepts."""
        return METHODS[self.template] if self.template else ()

    def allow(self) -> str:
        """These methods as the value of the header Allow."""
        return ", ".join(self.methods())


def find_route(path: str) -> Route:
    """The route at the end of a percent-decoded path; `/` is the same as `/qr-codes`."""
    if path.count("/") > _MAX_SEGMENTS:
        return Route(None)
    if path in ("", "/"):
        return Route("/qr-codes", codes_folder="qr-codes/")
    trimmed = path.rstrip("/")
    above, last = trimmed.rpartition("/")[::2]
    up = "../" * (len(path) - len(trimmed))
    if last == "qr-codes":
        return Route("/qr-codes", codes_folder=up.removeprefix("../") if up else "qr-codes/")
    if last == "openapi.json":
        return Route("/openapi.json")
    found = _LAST.fullmatch(last) if above.rpartition("/")[2] == "qr-codes" else None
    if found is None:
        return Route(None)
    code, image_format = found.groups()
    if image_format is None:
        return Route("/qr-codes/{code}", up, code)
    return Route("/qr-codes/{code}.{format}", up, code, image_format)
