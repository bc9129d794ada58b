"""Each rendering of a list is made once, and lists with their renderings take a bounded amount of memory."""

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

import pytest

from cams_qr.cache import cache as cache_module
from cams_qr.cache.cache import Cache
from cams_qr.cache.flight import Flight
from cams_qr.query import QrCode, QrCodeList, QrQuery
from cams_qr.renderings import OVERHEAD_BYTES, Renderings

MIB = 1024 * 1024


class Rendering(NamedTuple):
    size: int


def remember(cache: Cache, number: str, size: int = 0) -> tuple[QrQuery, Renderings]:
    query = QrQuery(phone_number=number)
    code = QrCode(
        code=None,
        phone_number=None,
        prefilled_message="x" * size,
        deep_link_url=None,
        image_url=None,
        image_format=None,
        svg_url=None,
    )
    found = QrCodeList(phone_number=number, cust_space_id=None, qr_codes=(code,), request_id=None, fetched_at="now")
    return query, cache.remember(query, found, Flight()).renderings


def rendered(made: list[Hashable], key: Hashable, size: int) -> Rendering:
    made.append(key)
    return Rendering(size)


def test_each_is_made_once() -> None:
    made: list[Hashable] = []
    renderings = Renderings(MIB)
    for key in ("list", "drawing", "list"):
        assert renderings.get_or_render(key, partial(rendered, made, key, 1)).size == 1
    assert made == ["list", "drawing"]


def test_a_failure_is_not_kept() -> None:
    renderings = Renderings(MIB)
    with pytest.raises(ZeroDivisionError):
        renderings.get_or_render("list", lambda: Rendering(1 // 0))
    assert renderings.get_or_render("list", lambda: Rendering(1)).size == 1


def test_those_of_one_list_are_bounded() -> None:
    made: list[Hashable] = []
    renderings = Renderings(3 * (MIB + OVERHEAD_BYTES))
    for style in (1, 2, 3, 2, 4, 4, 1):
        renderings.get_or_render(style, partial(rendered, made, style, MIB))
    # The fourth replaces all others.
    assert made == [1, 2, 3, 4, 1]


def test_one_that_is_too_large_alone_is_still_given() -> None:
    renderings = Renderings(MIB)
    for _ in range(2):
        assert renderings.get_or_render("list", lambda: Rendering(100 * MIB)).size == 100 * MIB


def test_large_lists_and_their_renderings_evict_others() -> None:
    cache = Cache(60, 600, "scope")
    first, _ = remember(cache, "8613800000001")
    for i in range(9):
        large, renderings = remember(cache, f"861380000001{i}", 2 * MIB)
        # Its JSON, with room for drawings.
        assert 6 * MIB < renderings.max_bytes < cache_module.MAX_BYTES / 2
    assert cache.recall(first) is None
    assert cache.recall(large)


def test_the_least_recently_shown_is_the_next_to_go() -> None:
    cache = Cache(60, 600, "scope")
    shown, _ = remember(cache, "8613800000001")
    hidden, _ = remember(cache, "8613800000002")
    assert cache.recall(shown)
    # In all, they leave room for one small list.
    for i in range(4):
        remember(cache, f"861380000001{i}", cache_module.MAX_BYTES // 12 - 15_400)
    assert (cache.recall(shown) is None, cache.recall(hidden) is None) == (False, True)


def test_a_new_list_has_none() -> None:
    cache = Cache(60, 600, "scope")
    query, old = remember(cache, "8613800000001")
    old.get_or_render("list", lambda: Rendering(1))
    remember(cache, "8613800000001")
    found = cache.recall(query)
    assert found
    assert found.renderings.get_or_render("list", lambda: Rendering(2)).size == 2
