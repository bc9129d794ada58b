"""The rule of valid requests that the schema cannot express: `dark` must contrast with `light`."""

from typing import Any

import schemathesis
from pydantic import ValidationError

from cams_qr.events.http.style_parameters import StyleParameters


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    """Leave out styles whose only fault is their contrast."""
    try:
        StyleParameters.model_validate(
            {name: value for name, value in (query or {}).items() if name in StyleParameters.model_fields}
        )
    except ValidationError as error:
        return any(fault["loc"] for fault in error.errors())
    return True
