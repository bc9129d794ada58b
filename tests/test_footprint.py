"""A cold start stays small: counts with fixed budgets, the same on every machine. `make bench` has the times."""

import gc
import importlib
import sys
from pathlib import Path

from bench.footprint import measure
from tests.conftest import CODE

MODULES = 350
BYTECODE_BYTES = 2_000_000 if sys.version_info < (3, 11) else 2_900_000


def test_what_a_cold_start_loads_and_a_hundred_calls_connect() -> None:
    counted = measure(Path(CODE))
    assert counted["modules"] <= MODULES
    assert counted["bytecode_bytes"] <= BYTECODE_BYTES
    assert counted["connections"] == 1


def test_garbage_is_collected_after_the_start() -> None:
    importlib.import_module("index")
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
