"""What is rendered of a list is rendered once, takes a bounded part of the memory, and never pushes out other lists."""

from typing import NamedTuple

import pytest

from cams_qr.cache import cache as cache_module
from cams_qr.cache.cache import Cache
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import MAX_BYTES, Renderings

MIB = 1024 * 1024


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
        assert renderings.once(key, lambda key=key: made.append(key) or Rendering(1)).size == 1  # type: ignore[misc]
    assert made == ["list", "drawing"]


def test_a_failure_is_not_kept() -> None:
    renderings = Renderings()
    with pytest.raises(ZeroDivisionError):
        renderings.once("list", lambda: Rendering(1 // 0))
    assert renderings.once("list", lambda: Rendering(1)).size == 1


def test_those_of_one_list_are_bounded() -> None:
    renderings = Renderings()
    for style in range(100):
        renderings.once(style, lambda: Rendering(MIB))
        assert renderings.size <= MAX_BYTES


def test_one_that_is_too_large_alone_is_still_given() -> None:
    renderings = Renderings()
    assert renderings.once("list", lambda: Rendering(100 * MIB)).size == 100 * MIB
    assert renderings.size <= MAX_BYTES


def test_those_of_all_lists_count_as_the_lists_do() -> None:
    cache = Cache(60, 600, "scope")
    first, renderings = remember(cache, "8613800000001")
    renderings.once("list", lambda: Rendering(MAX_BYTES))
    others = [remember(cache, f"861380000001{i}") for i in range(9)]
    assert cache.recall(first)
    for _, other in others[: cache_module.MAX_BYTES // MAX_BYTES]:
        other.once("list", lambda: Rendering(MAX_BYTES))
    assert cache.recall(first) is None
    assert cache.recall(others[-1][0])


def test_they_are_dropped_with_their_list() -> None:
    cache = Cache(60, 600, "scope")
    query, old = remember(cache, "8613800000001")
    old.once("list", lambda: Rendering(1))
    cache.remember(query, a_list("8613800000001"))
    found = cache.find(query)
    assert found
    assert found.renderings is not old
    assert found.renderings.size == 0
