"""One account's queue in virtual time, without log lines."""

from collections.abc import Iterator

import pytest

from cams_qr import logs
from tests.permits.fleet_model import World


@pytest.fixture
def quiet() -> None:
    logs.configure("CRITICAL")


@pytest.fixture
def world() -> Iterator[World]:
    """Five calls a second."""
    made = World(5)
    yield made
    made.close()
