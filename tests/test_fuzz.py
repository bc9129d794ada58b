"""Any event gets an answer within the contract, or raises QueryFailed on a bus; nothing else happens.

`make fuzz` runs it for longer.
"""

import json
import os
import time
from functools import partial
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cams_qr.events.answers import QueryFailed
from cams_qr.events.triggers import TRIGGERS
from cams_qr.instance import Instance
from cams_qr.problems import KINDS
from local.fc import make_context
from reliability import contract

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
ONE_MESSAGE = {"cloud_event", "topic", "timer"}
BUSES = {*ONE_MESSAGE, "stream"}
READ_BY_THE_CALLER = {"http_trigger", "api_gateway", "direct", "batch"}
# Nothing listens there: what is asked for fails fast.
ENVIRON = {"CAMS_ENDPOINT": "127.0.0.1:9", "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "10000", "LOG_LEVEL": "INFO"}

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
messages = queries | queries.map(json.dumps) | numbers | json_values | json_values.map(json.dumps)
names = st.sampled_from(["Content-Type", "content-type", "Origin", "If-None-Match", "X-Fc-Request-Id"]) | st.text(
    max_size=9
)
flat = st.dictionaries(names, st.text(max_size=20) | json_values, max_size=4)
bodies = messages | queries.map(json.dumps) | st.binary(max_size=30).map(repr)
methods = st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", ""]) | json_values
paths = st.sampled_from(["/qr-codes", "/", "", "/x/qr-codes", "/x", "/%zz", "//"]) | json_values
maybe = st.booleans() | json_values

contexts = st.fixed_dictionaries({"http": st.fixed_dictionaries({"method": methods})})
wrapped = st.fixed_dictionaries({"messageBody": messages}) | st.fixed_dictionaries({"value": messages})

EVENTS: dict[str, st.SearchStrategy[Any]] = {
    "http_trigger": st.fixed_dictionaries(
        {
            "version": st.just("v1"),
            "requestContext": st.fixed_dictionaries({"http": st.fixed_dictionaries({"method": methods})}),
        },
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
        optional={
            "data": messages
            | st.fixed_dictionaries({"messageBody": messages})
            | st.fixed_dictionaries({"value": messages}),
            "data_base64": json_values | st.text(max_size=20),
        },
    ),
    "topic": st.fixed_dictionaries({"Message": messages}) | st.fixed_dictionaries({"body": messages}),
    "timer": st.fixed_dictionaries({"triggerTime": json_values, "payload": messages}),
}
EVENTS["stream"] = st.lists(
    messages | EVENTS["cloud_event"] | EVENTS["cloud_event"].map(json.dumps), min_size=1, max_size=4
)


def test_every_trigger_kind_is_fuzzed_and_in_the_reliability_runs() -> None:
    kinds = {str(module.__name__).rpartition(".")[2] for module in TRIGGERS}  # type: ignore[attr-defined]
    assert kinds <= set(EVENTS)
    assert kinds <= set(contract.EVENTS)
    assert kinds == BUSES | READ_BY_THE_CALLER, "who reads the answer?"


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance.start(ENVIRON)


def ask(instance: Instance, event: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    """Send the event, hold the answer against the contract, and return the trigger kind it was taken for."""
    context = make_context("python3.12", timeout=0.02)
    raised = False
    try:
        check(json.loads(instance.invoke(event, context, time.monotonic())))
    except QueryFailed as failure:
        raised = True
        check_problem(json.loads(str(failure)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if "trigger" in line]
    assert line["problem"] != "internal_error" if "problem" in line else True
    assert not any("stack" in line for line in lines)
    assert not raised or line["trigger"] in BUSES
    if line["trigger"] in ONE_MESSAGE and line.get("failed") is None:
        assert raised == ("problem" in line)
    return str(line["trigger"])


@pytest.mark.parametrize("kind", sorted(ONE_MESSAGE | READ_BY_THE_CALLER))
def test_a_malformed_event_is_raised_if_nobody_reads_the_answer(instance: Instance, kind: str) -> None:
    event = json.dumps({**contract.EVENTS[kind]("8613800001234"), "malformed": float("nan")}).encode()
    invoke = partial(instance.invoke, event, make_context("python3.12", timeout=1), time.monotonic())
    if kind in READ_BY_THE_CALLER:
        check(json.loads(invoke()))
    else:
        with pytest.raises(QueryFailed, match="invalid_request"):
            invoke()


def check(answer: Any) -> None:
    assert len(json.dumps(answer)) < 100_000
    if "statusCode" in answer:
        assert set(answer) == {"statusCode", "headers", "isBase64Encoded", "body"}
        assert all(isinstance(v, str) and v.isprintable() for v in answer["headers"].values())
        assert answer["body"].isascii()
        if answer["statusCode"] >= 400:
            check_problem(json.loads(answer["body"]))
    elif answer["status"] == 207:
        for item in answer["results"]:
            check(item)
    else:
        assert set(answer) in ({"status", "result"}, {"status", "problem"})
        check_problem(answer["problem"])


def check_problem(problem: Any) -> None:
    assert problem["code"] in KINDS
    assert problem["status"] == KINDS[problem["code"]].status
    assert {"type", "title", "status", "code", "detail", "requestId", "retryable"} <= set(problem)


SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", EVENTS)
def test_each_kind(instance: Instance, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    @SETTINGS
    @given(event=EVENTS[kind])
    def run(event: Any) -> None:
        assert ask(instance, json.dumps(event).encode(), capsys) == kind

    run()


@pytest.mark.timeout(0)
def test_what_invoke_function_wraps(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    @SETTINGS
    @given(event=st.one_of(*EVENTS.values()), headers=flat)
    def run(event: Any, headers: Any) -> None:
        payload = json.dumps(event)
        request = {
            "version": "v1",
            "rawPath": "/2023-03-30/functions/cams-qr/invocations",
            "headers": headers,
            "body": payload,
            "requestContext": {"domainName": "1.eu-1.fc.aliyuncs.com", "http": {"method": "POST"}},
        }
        assert ask(instance, json.dumps(request).encode(), capsys) == ask(instance, payload.encode(), capsys)

    run()


@pytest.mark.timeout(0)
def test_any_json(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    @SETTINGS
    @given(event=json_values | messages)
    def run(event: Any) -> None:
        ask(instance, json.dumps(event).encode(), capsys)

    run()


@pytest.mark.timeout(0)
def test_any_bytes(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    @SETTINGS
    @given(event=st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
    def run(event: bytes) -> None:
        ask(instance, event, capsys)

    run()
