"""How a code is drawn. Most drawings have the default style, and need nothing that style_parameters.py imports."""

from typing import NamedTuple


class Style(NamedTuple):
    """`scale` is the pixels of a module's side, `border` the modules of the quiet zone; colours are hexadecimal."""

    scale: int = 8
    border: int = 4
    dark: str = "000"
    light: str = "fff"
