"""How an instance starts, and in which form it answers, whatever asks."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import CODE, NUMBER, Function, classic_event, v1_event, wrapped_event

EVENTS: dict[str, Any] = {
    "direct": {"phoneNumber": NUMBER},
    "a direct failure": {"phoneNumber": "1"},
    "batch": {"queries": [{"phoneNumber": NUMBER}, {}]},
    "HTTP": v1_event(parameters={"phoneNumber": NUMBER}),
    "an API gateway": classic_event(parameters={"phoneNumber": NUMBER}),
    "wrapped": wrapped_event(f'{{"phoneNumber": "{NUMBER}"}}'),
    "a timer": {"triggerTime": "2026-11-23T09:00:00Z", "triggerName": "t", "payload": f'{{"phoneNumber": "{NUMBER}"}}'},
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_an_answer_is_compact_json(function: Function, event: Any) -> None:
    answer = function.start().handler(json.dumps(event).encode(), function.context())
    assert answer == json.dumps(json.loads(answer), separators=(",", ":")).encode()


def test_first_requests_at_once_are_answered_by_one_instance() -> None:
    """Loading certificates takes a while, so that they meet; an instance's first line says that its start was cold."""
    script = """
import sys, threading, types
import index
sys.setswitchinterval(1e-6)
context = types.SimpleNamespace(request_id="r", function=types.SimpleNamespace(timeout=10))
barrier = threading.Barrier(4)
def ask():
    barrier.wait()
    index.handler(b'{"phoneNumber": "no number"}', context)
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={"PYTHONPATH": CODE},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(json.loads(line)["coldStart"] for line in done.stdout.splitlines()) == [False, False, False, True]
