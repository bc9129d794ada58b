"""What each event is answered with that the platform's own repositories and pages publish (tests/captured/)."""

import json
from pathlib import Path
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from tests.conftest import NUMBER, Function

FOLDER = Path("tests/captured")
ABOUT = {"README.md", "sources.json"}

# An HTTP answer, that of a direct caller, those of a stream's messages, or a bus's failure.
ANSWERS: dict[str, Any] = {
    "http_trigger.json": "HTTP 200",
    "http_trigger_base64.json": "HTTP 200",
    "http_trigger_empty_base64.json": "HTTP 200",
    "http_trigger_escaped_path.json": "HTTP 404",
    "api_gateway.json": "HTTP 200",
    "api_gateway_json.json": "HTTP 200",
    "api_gateway_mapped.json": "HTTP 200",
    "api_gateway_text.json": "HTTP 415",
    "api_gateway_form.json": "HTTP 415",
    "invoke_function.json": 200,
    "invoke_function_text.json": 400,
    "smq_topic.json": 200,
    "smq_topic_attributes.json": 200,
    "smq_topic_context.json": 200,
    "smq_topic_stream.json": 200,
    "smq_topic_text.txt": 200,
    "smq_topic_greeting.txt": 400,
    "smq_queue.json": 200,
    "smq_queue_bus.json": 200,
    "smq_queue_base64.json": 200,
    "smq_queue_base64_text.json": "raises invalid_request",
    "smq_queue_stream.json": [200, 200],
    "rocketmq.json": 200,
    "rocketmq_stream.json": [200, 200],
    "apache_rocketmq_stream.json": [200],
    "rabbitmq_stream.json": [200],
    "rabbitmq_stream_text.json": [200],
    "kafka_stream.json": [200, 200],
    "kafka_stream_json.json": [200],
    "kafka_stream_binary.json": [200],
    "kafka_stream_strings.json": [200],
    "mqtt_stream.json": [200],
    "timer.json": 200,
    "timer_text.json": "raises invalid_request",
    # What carries no query is told so: a stream's messages each, the others whole.
    "dts_stream.json": [400],
    "rows_stream.json": [400, 400],
    "custom_event.json": 400,
    "destination.json": 400,
    "fc2_http.json": 400,
    "oss.json": 400,
    "sls.json": 400,
    "cdn_domain_added.json": 400,
    "cdn_domain_started.json": 400,
    "cdn_objects_refreshed.json": 400,
    "tablestore.json": 400,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_event_as_published(function: Function, name: str) -> None:
    assert outcome(function, (FOLDER / name).read_bytes()) == ANSWERS[name]


def test_each_has_an_answer_and_a_source() -> None:
    files = {path.name for path in FOLDER.iterdir()} - ABOUT
    sources = json.loads((FOLDER / "sources.json").read_text())
    assert files == set(ANSWERS) == set(sources)
    assert all(
        {"repository", "path", "commit"} == set(source) or {"page"} == set(source) for source in sources.values()
    )


def outcome(function: Function, event: bytes) -> Any:
    """The answer in short; one that is no problem must be a list of the number asked for."""
    try:
        answer = function.raw(event)
    except QueryFailed as failure:
        return f"raises {json.loads(str(failure))['code']}"
    if "statusCode" in answer:
        return f"HTTP {_status(answer['statusCode'], json.loads(answer['body']))}"
    if answer["status"] == 207:
        return [_status(item["status"], item.get("result")) for item in answer["results"]]
    return _status(answer["status"], answer.get("result"))


def _status(status: int, found: Any) -> int:
    assert status != 200 or (found["phoneNumber"] == NUMBER and found["qrCodes"])
    return status
