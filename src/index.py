"""Function Compute's entry points: `index.initialize` and `index.handler`."""

# ruff: noqa: E402 - the modules of Python's own library, too, are imported without a search.
from cams_qr.imports import standard

standard.use()

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def _uncollected() -> Iterator[None]:
    """Start without garbage collection, which takes a tenth of the time and finds nothing.

    What the start created stays, so later collections need not look at it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


# There are no plugins to search for.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

with _uncollected():
    from cams_qr.imports import packed

    packed.use(os.path.dirname(__file__))
    from cams_qr.cams.sdk.libraries import DEFERRED
    from cams_qr.imports.deferred import deferring

    with deferring(*DEFERRED):
        from cams_qr.instance import FcContext, Instance


@cache
def _instance() -> Instance:
    with _uncollected():
        return Instance.start(os.environ)


def initialize(context: FcContext) -> None:
    """Prepare this instance before its first request (instance lifecycle hook)."""
    _instance()


def handler(event: bytes, context: FcContext) -> object:
    """Answer one event, in the shape its trigger expects."""
    started = time.monotonic()
    return _instance().invoke(event, context, started)
