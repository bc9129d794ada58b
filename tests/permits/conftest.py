"""One account's queue in virtual time, without log lines."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cams_qr import logs
from testing.invariants import Invariants
from testing.virtual_fleet import World

MakeWorld = Callable[..., World]


@pytest.fixture
def worlds() -> Iterator[MakeWorld]:
    """Makes worlds."""
    logs.configure("CRITICAL")
    made: list[World] = []

    def make(limit: int = 5, seed: int = 0, **options: Any) -> World:
        made.append(World(Invariants, limit, seed, **options))
        return made[-1]

    yield make
    for world in made:
        world.hub.close()


@pytest.fixture
def world(worlds: MakeWorld) -> World:
    """Five calls a second."""
    return worlds()


def broken(world: World) -> list[str]:
    """Which invariants did not hold."""
    assert isinstance(world.watch, Invariants)
    return world.watch.broken
