"""Function Compute's entry points: `index.initialize` and `index.handler`."""

import os
import time
from functools import cache
from threading import Lock

from cams_qr.instance import FcContext, Instance

_starting = Lock()


@cache
def _started() -> Instance:
    return Instance.start(os.environ)


def _instance() -> Instance:
    """This process's instance, even for two first requests at once."""
    with _starting:
        return _started()


def initialize(context: FcContext) -> None:
    """Prepare this instance before its first request (instance lifecycle hook)."""
    _instance()


def handler(event: bytes, context: FcContext) -> bytes:
    """Answer one event, as JSON in the shape its trigger expects."""
    started = time.monotonic()
    return _instance().invoke(event, context, started)
