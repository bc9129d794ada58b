"""Each rendering of a list is made once, and counts against the cache's memory limit."""

import gc
import time
import tracemalloc
from typing import NamedTuple

import pytest

from cams_qr.cache import cache as cache_module
from cams_qr.cache.cache import Cache
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import MAX_BYTES, OVERHEAD_BYTES, Renderings
from tests.conftest import NUMBER, Function

MIB = 1024 * 1024
LARGE = MAX_BYTES - OVERHEAD_BYTES - 1024


class Rendering(NamedTuple):
    size: int


def a_list(number: str) -> QrCodeList:
    return QrCodeList(phone_number=number, cust_space_id=None, qr_codes=(), request_id=None, fetched_at="now")


def remember(cache: Cache, number: str) -> tuple[QrQuery, Renderings]:
    query = QrQuery(phone_number=number)
    return query, cache.remember(query, a_list(number)).renderings


def test_each_is_made_once() -> None:
    made = []
    renderings = Renderings()
    for key in ("list", "drawing", "list"):
        assert renderings.get_or_render((key,), lambda key=key: made.append(key) or Rendering(1)).size == 1  # type: ignore[misc]
    assert made == ["list", "drawing"]


def test_a_failure_is_not_kept() -> None:
    renderings = Renderings()
    with pytest.raises(ZeroDivisionError):
        renderings.get_or_render(("list",), lambda: Rendering(1 // 0))
    assert renderings.get_or_render(("list",), lambda: Rendering(1)).size == 1


def test_those_of_one_list_are_bounded() -> None:
    renderings = Renderings()
    for style in range(100):
        renderings.get_or_render((style,), lambda: Rendering(MIB))
        assert renderings.size <= MAX_BYTES


def test_one_that_is_too_large_alone_is_still_given() -> None:
    renderings = Renderings()
    assert renderings.get_or_render(("list",), lambda: Rendering(100 * MIB)).size == 100 * MIB
    assert renderings.size <= MAX_BYTES


def test_those_of_all_lists_count_as_the_lists_do() -> None:
    cache = Cache(60, 600, "scope")
    first, renderings = remember(cache, "8613800000001")
    renderings.get_or_render(("list",), lambda: Rendering(LARGE))
    others = [remember(cache, f"861380000001{i}") for i in range(9)]
    for _, other in others[: cache_module.MAX_BYTES // LARGE]:
        other.get_or_render(("list",), lambda: Rendering(LARGE))
    assert cache.recall(first) is None
    assert cache.recall(others[-1][0])


def test_they_are_dropped_with_their_list() -> None:
    cache = Cache(60, 600, "scope")
    query, old = remember(cache, "8613800000001")
    old.get_or_render(("list",), lambda: Rendering(1))
    cache.remember(query, a_list("8613800000001"))
    found = cache.find(query)
    assert found
    assert found.renderings is not old
    assert found.renderings.size == 0


def test_a_stale_list_that_is_shown_is_not_the_next_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(60, 600, "scope")
    shown, _ = remember(cache, "8613800000001")
    others = [remember(cache, f"861380000001{i}")[1] for i in range(9)]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 100)
    found = cache.find(shown)
    assert found
    for renderings in [found.renderings, *others[:1]]:
        renderings.get_or_render(("list",), lambda: Rendering(LARGE))
    assert cache.recall(shown)


def test_what_was_never_kept_does_not_count() -> None:
    cache = Cache(60, 600, "scope")
    query, _ = remember(cache, "8613800000001")
    unkept = cache.remember(query, Problem("internal_error", "not remembered")).renderings
    for number in range(10):
        unkept.get_or_render((number,), lambda: Rendering(LARGE))
    assert cache.recall(query)


def test_what_is_dropped_no_longer_counts() -> None:
    cache = Cache(60, 600, "scope")
    query, dropped = remember(cache, "8613800000001")
    for _ in range(10):
        cache.remember(query, a_list("8613800000001"))
        dropped.get_or_render((object(),), lambda: Rendering(LARGE))
    assert cache.recall(query)


def test_the_size_is_what_they_really_take(function: Function) -> None:
    """By Python's own account, of many small drawings, which take the most besides their bytes."""
    index = function.configure(CACHE_TTL_SECONDS="60", LOG_LEVEL="ERROR").start()

    def draw(colour: int) -> None:
        path = "/qr-codes/4O4YGZEG3RIVE1.png" + "/" * 500
        parameters = {"phoneNumber": NUMBER, "scale": "1", "border": "0", "dark": f"{colour:06x}"}
        assert function.http(path=path, parameters=parameters).status == 200

    draw(0)
    cache: Cache = index._instance().service.cache
    entry = cache.find(QrQuery(phone_number=NUMBER))
    assert entry
    counted = entry.renderings.size
    tracemalloc.start()
    try:
        for colour in range(1, 60):
            draw(colour)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 <= (entry.renderings.size - counted) / taken <= 3
