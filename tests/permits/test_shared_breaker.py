"""What two instances know of the breaker: one key in a real Valkey."""

from typing import Any

import pytest
import redis

from cams_qr import logs
from cams_qr.permits.breaker import SILENCE_SECONDS, Breaker, CircuitOpen
from cams_qr.problems import Unreachable
from cams_qr.redis_store import Store
from local.valkey import Valkey

DOWN = Unreachable("upstream_unavailable", "CAMS is down.", "connect")


@pytest.fixture
def pair(valkey: Valkey) -> tuple[Breaker, Breaker]:
    one, other = (Breaker("account", "endpoint", Store(valkey.url)) for _ in range(2))
    return one, other


def said(log: Any) -> list[str]:
    return [line["cams"] for line in log()]


@pytest.mark.parametrize("seconds", [0.1, SILENCE_SECONDS])
def test_who_read_that_cams_is_down_may_call_once_another_had_an_answer(
    pair: tuple[Breaker, Breaker], seconds: float
) -> None:
    """However long that took."""
    one, other = pair
    other.record_failure(DOWN, 0.0, patient=True)
    other.record_answer(seconds)
    one.enter([b"connect"])


def test_what_has_only_been_forgotten_is_no_answer(pair: tuple[Breaker, Breaker], valkey: Valkey, log: Any) -> None:
    """Nobody asked until the key had expired."""
    logs.configure("WARNING")
    one, other = pair
    one.record_failure(DOWN, 0.0, patient=True)
    with pytest.raises(CircuitOpen):
        other.enter()
    redis.Redis.from_url(valkey.url).flushall()
    assert [each.enter() for each in pair] == [False, False]
    assert said(log) == ["unavailable"] * 2
    one.record_answer(0.1)
    other.record_failure(DOWN, 0.0, patient=True)
    assert said(log) == ["available", "unavailable"]
