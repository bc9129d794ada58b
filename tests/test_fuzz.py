"""Any event gets an answer within the contract, or raises QueryFailed on a bus; nothing else happens.

`make fuzz` runs it for longer.
"""

import json
import os
import time
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cams_qr.events.answers import QueryFailed, bus_call, stream_call
from cams_qr.events.triggers import TRIGGERS
from cams_qr.instance import Instance
from local.fc import make_context
from testing import contract
from tests.conftest import wrapped_event

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
ENVIRON = contract.OFFLINE | {"LOG_LEVEL": "INFO"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
numbers = st.sampled_from(["8613800001234", "+86 138-0000-1234", "0123", "8613800001234,1", ""]) | json_values
spaces = st.sampled_from(["cams-8filvjc8snw", "", "a b"]) | json_values
queries = st.fixed_dictionaries(
    {}, optional={"phoneNumber": numbers, "PhoneNumber": numbers, "custSpaceId": spaces, "other": json_values}
)
big = st.builds(
    lambda text, count: text * count, st.text(max_size=9) | st.sampled_from("[{,/1"), st.integers(0, 20_000)
)
messages = big | queries | queries.map(json.dumps) | numbers | json_values | json_values.map(json.dumps)
names = st.sampled_from(
    ["Content-Type", "content-type", "Origin", "If-None-Match", "X-Cust-Space", "x-cust-space"]
) | st.text(max_size=9)
# A list, as some gateways make one of a header that was given twice, is among the JSON values.
flat = st.dictionaries(names, st.text(max_size=20) | json_values, max_size=4)
bodies = messages | queries.map(json.dumps) | st.binary(max_size=30).map(repr)
methods = st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", ""]) | json_values
paths = st.sampled_from(["/qr-codes", "/", "", "/x/qr-codes", "/x", "/%zz", "//"]) | big | json_values
maybe = st.booleans() | json_values

contexts = st.fixed_dictionaries({"http": st.fixed_dictionaries({"method": methods})})
wrapped = st.fixed_dictionaries({"messageBody": messages}) | st.fixed_dictionaries({"value": messages})

EVENTS: dict[str, st.SearchStrategy[Any]] = {
    "http_trigger": st.fixed_dictionaries(
        {"version": st.just("v1"), "requestContext": contexts},
        optional={
            "rawPath": paths,
            "headers": flat | json_values,
            "queryParameters": queries | flat | json_values,
            "body": bodies,
            "isBase64Encoded": maybe,
        },
    ),
    "api_gateway": st.fixed_dictionaries(
        {"httpMethod": methods, "path": paths},
        optional={
            "headers": flat | json_values,
            "queryParameters": queries | flat | json_values,
            "pathParameters": queries | json_values,
            "body": bodies,
            "isBase64Encoded": maybe,
        },
    ),
    "direct": queries.filter(lambda query: bool({"phoneNumber", "PhoneNumber", "custSpaceId"} & set(query))),
    "batch": st.fixed_dictionaries({"queries": st.lists(queries | json_values, max_size=5) | json_values}),
    "cloud_event": st.fixed_dictionaries(
        {"specversion": json_values},
        optional={"data": messages | wrapped, "data_base64": json_values | st.text(max_size=20)},
    ),
    "topic": st.fixed_dictionaries({"Message": messages}) | st.fixed_dictionaries({"body": messages}),
    "timer": st.fixed_dictionaries({"triggerTime": json_values, "payload": messages}),
}
EVENTS["stream"] = st.lists(
    messages | EVENTS["cloud_event"] | EVENTS["cloud_event"].map(json.dumps), min_size=1, max_size=4
) | st.builds(lambda message, count: [message] * count, messages, st.integers(1, 3000))


ANYTHING = {
    "JSON": (json_values | messages).map(json.dumps).map(str.encode),
    "bytes": st.binary(max_size=200) | st.text(max_size=60).map(str.encode),
}


def test_every_trigger_is_fuzzed_and_in_the_reliability_runs() -> None:
    triggers = {trigger.name for trigger in TRIGGERS} - {"unknown"}
    assert triggers == set(EVENTS)
    assert triggers <= set(contract.EVENTS)
    assert {trigger.name for trigger in TRIGGERS if trigger.call in (bus_call, stream_call)} == set(contract.BUSES)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance.start(ENVIRON)


def ask(instance: Instance, event: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    """Send the event, hold the answer against the contract, and return the trigger it was taken for."""
    context = make_context("python3.12", timeout=0.02)
    raised = False
    try:
        contract.check(json.loads(instance.invoke(event, context, time.monotonic())))
    except QueryFailed as failure:
        raised = True
        contract.check_problem(json.loads(str(failure)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if "trigger" in line]
    assert not any("stack" in line for line in lines)
    if line["trigger"] not in contract.BUSES:
        assert not raised
    elif line["trigger"] != "stream":
        assert raised == ("problem" in line or line.get("failed", 0) > 0)
    return str(line["trigger"])


SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("trigger", EVENTS)
def test_each_trigger(instance: Instance, capsys: pytest.CaptureFixture[str], trigger: str) -> None:
    @SETTINGS
    @given(event=EVENTS[trigger])
    def run(event: Any) -> None:
        assert ask(instance, json.dumps(event).encode(), capsys) == trigger

    run()


@pytest.mark.timeout(0)
def test_what_invoke_function_wraps(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    @SETTINGS
    @given(event=st.one_of(*EVENTS.values()), headers=flat)
    def run(event: Any, headers: Any) -> None:
        payload = json.dumps(event)
        request = wrapped_event(payload, headers=headers)
        assert ask(instance, json.dumps(request).encode(), capsys) == ask(instance, payload.encode(), capsys)

    run()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("what", ANYTHING)
def test_anything(instance: Instance, capsys: pytest.CaptureFixture[str], what: str) -> None:
    @SETTINGS
    @given(event=ANYTHING[what])
    def run(event: bytes) -> None:
        ask(instance, event, capsys)

    run()
