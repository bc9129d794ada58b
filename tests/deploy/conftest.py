"""A cloud that holds two packages, and its address."""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.serve import serve
from tests.deploy.command import PACKAGE


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(objects={f"packages/{PACKAGE}": b"zip", "packages/cams-qr/python3.12-1111.zip": b"newer"})


@pytest.fixture
def address(cloud: Cloud) -> Iterator[str]:
    with serve(cloud.app()) as address:
        yield f"http://{address}"
