"""Events that reached new code during fuzzing, and the samples, get answers within the contract."""

from pathlib import Path

from cams_qr.instance import Instance
from local.fc import make_context
from testing.contract import OFFLINE, invoke


def test_each_event_of_the_corpus() -> None:
    instance = Instance.start(OFFLINE)
    events = [*Path("reliability/corpus").iterdir(), *Path("events").iterdir()]
    assert len(events) > 50
    for event in events:
        context = make_context("python3.12", timeout=0.02)
        assert invoke(instance, event.read_bytes(), context, may_raise=True), event.name
