"""What a schema cannot say of valid requests: that dark stands out from light."""

from typing import Any

import schemathesis

from cams_qr.drawing import Style


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    return True


print(Style)
