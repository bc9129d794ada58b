"""The parameters of the drawing routes, which give a style. Importing this builds a model."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from cams_qr.events.http.style import Style
from cams_qr.query import invalid_field

_DEFAULT = Style()
# Scanners need dark modules on a lighter ground. Source: WCAG 2.2, "contrast ratio" and "relative luminance".
_MIN_CONTRAST = 3.0
_COLOUR = "^#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"
_RULES = {
    "scale": "give the pixels of a module's side, 1 to 32",
    "border": "give the width of the quiet zone in modules, 0 to 16",
    "dark": "give a colour like 000 or 1a2b3c",
    "light": "give a colour like fff or fafafa, or transparent",
}


def _whole(value: Any) -> Any:
    # pydantic would take 8.0 and 1_0 too.
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,2}", value):
        raise ValueError
    return value


class StyleParameters(BaseModel):
    """The parameters; each is a field of Style."""

    scale: Annotated[int, Field(ge=1, le=32, description="pixels of a module's side"), BeforeValidator(_whole)] = (
        _DEFAULT.scale
    )
    border: Annotated[
        int,
        Field(ge=0, le=16, description="width of the quiet zone in modules; below 4 the page around must be light"),
        BeforeValidator(_whole),
    ] = _DEFAULT.border
    dark: Annotated[str, Field(pattern=_COLOUR, description="colour of the modules")] = _DEFAULT.dark
    light: Annotated[
        str,
        Field(pattern=f"{_COLOUR}|^transparent$", description="colour of the ground; transparent needs a light page"),
    ] = _DEFAULT.light

    @model_validator(mode="after")
    def _can_be_scanned(self) -> "StyleParameters":
        light = 1.0 if self.light == "transparent" else _luminance(self.light)
        if (light + 0.05) / (_luminance(self.dark) + 0.05) < _MIN_CONTRAST:
            raise ValueError
        return self


def parse_style(parameters: Mapping[str, Any]) -> Style:
    """The style that the parameters give. Raises Problem `invalid_request` that names the parameter and the fix."""
    try:
        return Style(**StyleParameters.model_validate(parameters).model_dump())
    except ValidationError as error:
        location = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    # Raised here for the reason in `query.parse_query`.
    if not location:
        raise invalid_field(
            "dark", f"is too close to `light` to scan; the contrast ratio must be at least {_MIN_CONTRAST:.0f}"
        )
    raise invalid_field(str(location[0]), f"is not usable; {_RULES[str(location[0])]}")


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    channels = re.findall("..", digits) if len(digits) == 6 else [2 * digit for digit in digits]
    red, green, blue = (_linear(int(channel, 16) / 255) for channel in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
