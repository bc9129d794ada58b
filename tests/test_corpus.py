"""Events that reached new code during fuzzing still get answers within the contract."""

from pathlib import Path

import pytest

from cams_qr.instance import Instance
from local.fc import make_context
from testing.contract import invoke

CORPUS = Path(__file__).parent.parent / "reliability" / "corpus"
SETTINGS = {
    "CAMS_ENDPOINT": "127.0.0.1:9",
    "CAMS_PROTOCOL": "HTTP",
    "CAMS_QPS": "10000",
    "ALLOWED_ORIGINS": "https://shop.example.com",
    "CUST_SPACE_HEADER": "X-Cust-Space",
}


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance.start(SETTINGS)


def test_each_event_of_the_corpus(instance: Instance) -> None:
    events = sorted(CORPUS.iterdir())
    assert len(events) > 50
    for event in events:
        context = make_context("python3.12", timeout=0.02)
        outcome = invoke(instance, event.read_bytes(), context, may_raise=True)
        assert outcome, event.name
