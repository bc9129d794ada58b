"""Function Compute's entry points: `index.initialize` and `index.handler`."""

import gc
import os
import time
from functools import cache

# Importing makes no garbage, and there are no plugins; looking for both takes an eighth of the cold start. What was
# imported stays, so it need not be looked at again when there is garbage.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
from cams_qr.imports import packed  # noqa: E402

packed.use(os.path.dirname(__file__))
from cams_qr.cams.sdk.libraries import DEFERRED  # noqa: E402
from cams_qr.imports.deferred import deferring  # noqa: E402

with deferring(*DEFERRED):
    from cams_qr.instance import FcContext, Instance

gc.freeze()
gc.enable()


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
