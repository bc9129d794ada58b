"""A cloud that holds packages, and its address."""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.serve import serve
from tests.deploy.command import NEWER, PACKAGE, SWAPPED


@pytest.fixture
def cloud() -> Cloud:
    held = {f"packages/{PACKAGE}": b"zip", f"packages/{NEWER}": b"newer", f"packages/{SWAPPED}": b"good"}
    return Cloud(objects=held, swapped={f"packages/{SWAPPED}": b"bad"})


@pytest.fixture
def address(cloud: Cloud) -> Iterator[str]:
    with serve(cloud.app()) as address:
        yield f"http://{address}"
