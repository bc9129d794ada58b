"""A cold start stays small: counts with fixed limits, the same on every machine. `make bench` measures times."""

import gc
import importlib
import sys
from pathlib import Path

from bench.footprint import measure, measure_hits
from local.valkey import Valkey
from tests.conftest import CODE

MODULES, MODULES_WITH_REDIS = 315, 360
# Python's own library included.
BYTECODE_BYTES = 3_100_000 if sys.version_info < (3, 11) else 4_500_000
BYTECODE_OF_REDIS = 1_000_000 if sys.version_info < (3, 11) else 1_500_000

# Bytecode instructions of a hit.
DIRECT, OVER_HTTP, DRAWING = 1_500, 2_800, 2_900
DRAWING_MODULES = 15


def test_what_a_cold_start_loads_and_a_hundred_calls_connect() -> None:
    counted = measure(Path(CODE))
    assert counted["modules"] <= MODULES
    assert counted["bytecode_bytes"] <= BYTECODE_BYTES
    assert counted["connections"] == 1


def test_what_a_cold_start_with_redis_loads(valkey: Valkey) -> None:
    counted = measure(Path(CODE), valkey.url)
    assert counted["modules"] <= MODULES_WITH_REDIS
    assert counted["bytecode_bytes"] <= BYTECODE_BYTES + BYTECODE_OF_REDIS


def test_what_a_hit_executes_and_a_first_drawing_imports() -> None:
    counted = measure_hits(Path(CODE))
    # Where nothing is counted, nothing is bounded.
    assert DIRECT / 2 < counted["direct"] <= DIRECT
    assert OVER_HTTP / 2 < counted["over_http"] <= OVER_HTTP
    assert DRAWING / 2 < counted["drawing"] <= DRAWING
    assert counted["drawing_modules"] <= DRAWING_MODULES


def test_garbage_is_collected_after_the_start() -> None:
    importlib.import_module("index")
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
