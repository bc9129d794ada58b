"""Function Compute's entry points: `index.initialize` and `index.handler`."""

import os
import time
from functools import cache

from cams_qr.instance import FcContext, Instance


@cache
def _instance() -> Instance:
    return Instance.start(os.environ)


def initialize(context: FcContext) -> None:
    """Prepare this instance before its first request (instance lifecycle hook)."""
    _instance()


def handler(event: bytes, context: FcContext) -> object:
    """Answer one event, in the shape its trigger expects."""
    started = time.monotonic()
    return _instance().invoke(event, context, started)
