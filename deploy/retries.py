"""Retries a call that fails for a reason that may pass.

Source: NeedRetry in aliyun/terraform-provider-alicloud, for no answer, failures (5xx) and throttling.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

_RETRIES = 5
_PAUSE_SECONDS = 2.0
_CONFLICT, _THROTTLED, _FAILED = 409, 429, 500

T = TypeVar("T")


def patiently(call: Callable[[], T]) -> T:
    """Retry for about ten seconds while the service cannot be reached, fails, throttles or reports a conflict.

    Then raises what the call raised. Carrying out the call twice must do no harm.
    """
    for _ in range(_RETRIES):
        try:
            return call()
        except (AlibabaCloudException, UnretryableException) as error:
            if not _may_pass(error):
                raise
            time.sleep(_PAUSE_SECONDS)
    return call()


def _may_pass(error: AlibabaCloudException | UnretryableException) -> bool:
    if isinstance(error, UnretryableException):
        return True
    status = error.status_code or 0
    return status in (_CONFLICT, _THROTTLED) or status >= _FAILED or str(error.code).startswith("Throttling")
