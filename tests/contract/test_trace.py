"""The trace of an invocation: in all its log lines and problems, and absent if the event has none."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from tests.conftest import NUMBER, Function, classic_event, v1_event, wrapped_event

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER = "0af7651916cd43dd8448eb211c80319c"
FC = "124ed43254b54966"
FOREIGN = "4915112345678"


def cloud_event(number: str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"phoneNumber": number}, **more}


def asking(number: str, parent: Any = PARENT, name: str = "traceparent") -> dict[str, Any]:
    """Events of every kind that can name a trace."""
    parameters, headers = {"phoneNumber": number}, {name: parent}
    return {
        "HTTP trigger": v1_event(parameters=parameters, headers=headers),
        "classic gateway": classic_event(parameters=parameters, headers=headers),
        "CloudEvent": cloud_event(number, traceparent=parent),
        "stream": [cloud_event(number, traceparent=parent), cloud_event(NUMBER, traceparent=parent)],
        "stream of texts": [json.dumps(cloud_event(number, traceparent=parent))],
        "wrapped": wrapped_event(json.dumps({"phoneNumber": number}), headers=headers),
        "CloudEvent, wrapped": wrapped_event(json.dumps(cloud_event(number, traceparent=parent))),
    }


def problem_of(function: Function, event: Any, context: Any = None) -> Any:
    try:
        answer = function.direct(event, context)
    except QueryFailed as failure:
        return json.loads(str(failure))
    if "statusCode" in answer:
        return json.loads(answer["body"])
    return answer.get("problem") or answer["results"][0]["problem"]


@pytest.mark.parametrize("kind", asking(NUMBER))
@pytest.mark.parametrize("number", [NUMBER, FOREIGN])
def test_each_line_and_problem_names_it(function: Function, log: Any, kind: str, number: str) -> None:
    event = asking(number)[kind]
    if number == FOREIGN:
        assert problem_of(function, event)["traceId"] == TRACE
    else:
        assert "traceId" not in json.dumps(function.direct(event))
    lines = log()
    assert lines
    assert {line["traceId"] for line in lines} == {TRACE}


@pytest.mark.parametrize("name", ["Traceparent", "TRACEPARENT"])
@pytest.mark.parametrize("value", [PARENT, [PARENT]])
@pytest.mark.parametrize("kind", ["HTTP trigger", "classic gateway", "wrapped"])
def test_a_header_in_any_case_and_as_a_list(function: Function, kind: str, value: Any, name: str) -> None:
    assert problem_of(function, asking(FOREIGN, value, name)[kind])["traceId"] == TRACE


@pytest.mark.parametrize("parent", [None, 7, "", PARENT.upper(), f"{PARENT},{PARENT}", [PARENT, PARENT], [], {}])
@pytest.mark.parametrize("kind", asking(NUMBER))
def test_what_names_no_trace_does_no_harm(function: Function, log: Any, kind: str, parent: Any) -> None:
    assert problem_of(function, asking(FOREIGN, parent)[kind])["code"] == "not_owned"
    assert "traceId" not in json.dumps(log())


def test_an_http_request_that_looks_like_a_cloud_event_is_one_of_its_headers(function: Function) -> None:
    event = {**asking(FOREIGN)["HTTP trigger"], "specversion": "1.0", "traceparent": PARENT.replace(TRACE, OTHER)}
    assert problem_of(function, event)["traceId"] == TRACE


def test_a_header_sent_twice_names_none(function: Function) -> None:
    headers = {"traceparent": PARENT, "Traceparent": PARENT.replace(TRACE, OTHER)}
    assert "traceId" not in problem_of(function, v1_event(parameters={"phoneNumber": FOREIGN}, headers=headers))


@pytest.mark.parametrize("second", [{}, {"traceparent": PARENT.replace(TRACE, OTHER)}])
def test_a_stream_of_several_traces_is_of_none(function: Function, log: Any, second: dict[str, str]) -> None:
    function.direct([cloud_event(NUMBER, traceparent=PARENT), cloud_event(NUMBER, **second), NUMBER])
    assert "traceId" not in json.dumps(log())


def test_function_computes_own(function: Function, log: Any) -> None:
    tracing = SimpleNamespace(span_context=f"{FC}:{FC}:0:1", jaeger_endpoint="", span_baggages={})
    padded = FC.zfill(32)
    assert problem_of(function, {"phoneNumber": FOREIGN}, function.context(tracing=tracing))["traceId"] == padded
    function.direct({"queries": [{"phoneNumber": NUMBER}, {"phoneNumber": "bad"}]}, function.context(tracing=tracing))
    assert [line["traceId"] for line in log()] == [padded] * 4
    # What came with the event is nearer to its caller.
    problem = problem_of(function, asking(FOREIGN)["HTTP trigger"], function.context(tracing=tracing))
    assert problem["traceId"] == TRACE


@pytest.mark.parametrize("tracing", [None, SimpleNamespace(), SimpleNamespace(span_context=None), {"span_context": FC}])
def test_a_context_without_tracing(function: Function, log: Any, tracing: Any) -> None:
    function.direct({"phoneNumber": NUMBER}, function.context(tracing=tracing))
    assert "traceId" not in log()[0]


def test_a_trace_ends_with_its_invocation(function: Function, log: Any) -> None:
    function.direct(asking(NUMBER)["HTTP trigger"])
    function.ask()
    assert ["traceId" in line for line in log()] == [True, False]


def test_a_message_that_is_no_strict_json_names_its_trace_too(function: Function) -> None:
    event = json.dumps(cloud_event(NUMBER, traceparent=PARENT)).replace('"id"', '"id": "1", "id"')
    with pytest.raises(QueryFailed) as raised:
        function.raw(event.encode())
    assert json.loads(str(raised.value))["traceId"] == TRACE
