"""Instances that share a Valkey have one probe at a time."""

import pytest

from cams_qr.permits.breaker import Breaker, CircuitOpen
from cams_qr.problems import Unreachable
from cams_qr.redis_store import Store
from local.valkey import Valkey


def test_who_hands_over_its_probe_does_not_end_anothers(valkey: Valkey) -> None:
    one, other, third = (Breaker("probes", "endpoint", Store(valkey.url)) for _ in range(3))
    one.record_failure(Unreachable("upstream_unavailable", "", "refused"), 0.0, late=False)
    assert one.enter(late=False) is not None
    one.hand_over_probe()
    assert other.enter(late=True) is not None
    one.hand_over_probe()
    for breaker in (one, third):
        with pytest.raises(CircuitOpen):
            breaker.enter(late=True)
