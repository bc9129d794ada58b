"""The answers to events that the platform's own repositories and pages publish (tests/captured/)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from tests.conftest import NUMBER, Function

FOLDER = Path("tests/captured")
ABOUT = {"README.md", "sources.json"}

# An HTTP answer, that of a direct caller, those of a stream's messages, or a bus's failure.
NAMES: list[tuple[Any, str]] = [
    (
        "HTTP 404",
        "http_trigger http_trigger_base64 http_trigger_empty_base64 http_trigger_escaped_path "
        "api_gateway_json api_gateway_mapped api_gateway_text api_gateway_form",
    ),
    ("HTTP 200", "api_gateway"),
    (
        400,
        "invoke_function smq_topic_text.txt custom_event destination fc2_http oss sls cdn_domain_added "
        "cdn_domain_started cdn_log_created cdn_objects_refreshed tablestore",
    ),
    (
        "raises invalid_request",
        "smq_topic smq_topic_attributes smq_topic_context smq_topic_stream smq_queue smq_queue_bus "
        "smq_queue_base64 rocketmq timer",
    ),
    ([400, 400], "smq_queue_stream rocketmq_stream rabbitmq_stream kafka_stream rows_stream"),
    ([400], "apache_rocketmq_stream rabbitmq_stream_text kafka_stream_strings mqtt_stream dts_stream"),
]
ANSWERS = {name if "." in name else f"{name}.json": answer for answer, names in NAMES for name in names.split()}

FIELD = f'"phoneNumber": "{NUMBER}"'
QUERY = f"{{{FIELD}}}"
TEXT = json.dumps(QUERY)[1:-1]
BASE64 = base64.b64encode(QUERY.encode()).decode()

# What stands in the event, what of ours takes its place, and the answer.
WITH_OUR_QUERY: list[tuple[str, dict[str, str], Any]] = [
    ("http_trigger.json", {"/example": "/qr-codes", '"parameter1": "value1"': FIELD}, "HTTP 200"),
    ("http_trigger_base64.json", {"/my/path": "/my/qr-codes", "UmVxdWVzdCBCb2R5": BASE64}, "HTTP 200"),
    ("http_trigger_empty_base64.json", {"/my/path": "/my/qr-codes", '"parameter2": "value"': FIELD}, "HTTP 200"),
    ("api_gateway_json.json", {"/api/321": "/api/321/qr-codes", "eyJjIjoiYiJ9": BASE64}, "HTTP 200"),
    ("api_gateway_mapped.json", {"/api/321": "/api/321/qr-codes", "eyJjIjoiYiJ9": BASE64}, "HTTP 200"),
    ("api_gateway_text.json", {"/api/321": "/api/321/qr-codes", "eyJjIjoiYiJ9": BASE64}, "HTTP 415"),
    ("api_gateway_form.json", {"/api/321": "/api/321/qr-codes", r"{\"c\":\"b\"}": TEXT}, "HTTP 415"),
    ("invoke_function.json", {"haha": TEXT}, 200),
    ("smq_topic.json", {"hello topic": TEXT}, 200),
    ("smq_topic_attributes.json", {"hello topic": TEXT}, 200),
    ("smq_topic_context.json", {"hello topic": TEXT}, 200),
    ("smq_topic_stream.json", {"hello topic": TEXT}, 200),
    ("smq_topic_text.txt", {"hello topic": NUMBER}, 200),
    ("smq_queue.json", {"TEST": TEXT}, 200),
    ("smq_queue_bus.json", {"TEST": TEXT}, 200),
    ("smq_queue_base64.json", {"bW9jayBtbnMgcXVldWUgbWVzc2FnZQ==": BASE64}, 200),
    ("smq_queue_stream.json", {"TEST": BASE64}, [200, 200]),
    ("rocketmq.json", {"TEST": TEXT}, 200),
    ("rocketmq_stream.json", {"TEST": NUMBER}, [200, 200]),
    ("apache_rocketmq_stream.json", {"Hello RocketMQ": TEXT}, [200]),
    ("rabbitmq_stream.json", {'"Hello": "RabbitMQ"': FIELD}, [200, 200]),
    ("rabbitmq_stream_text.json", {"消息发送Body010": NUMBER}, [200]),
    # Kafka's values in its formats Text, Json and Binary, and as bytes that a producer in Python made text of.
    ("kafka_stream.json", {"hello kafka msg": TEXT}, [200, 200]),
    ("kafka_stream.json", {'"hello kafka msg"': QUERY}, [200, 200]),
    ("kafka_stream.json", {"hello kafka msg": BASE64}, [200, 200]),
    ("kafka_stream_strings.json", {"TestKafkaEventBridgetrigger": NUMBER, "Test": "phoneNumber"}, [200]),
    ("mqtt_stream.json", {"hello mq4Iot pub sub msg": TEXT}, [200]),
    ("timer.json", {"awesome-fc": TEXT}, 200),
    # No CloudEvent: it has no specversion. Its source sends it with `s invoke`, whose user reads the answer.
    ("custom_event.json", {"Hello eventbridge trigger !": TEXT}, 400),
]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_event_as_published(function: Function, name: str) -> None:
    assert outcome(function, (FOLDER / name).read_bytes()) == ANSWERS[name]


@pytest.mark.parametrize(("name", "ours", "expected"), WITH_OUR_QUERY)
def test_an_event_as_published_but_for_the_query(
    function: Function, name: str, ours: dict[str, str], expected: Any
) -> None:
    event = (FOLDER / name).read_text()
    for theirs, our in ours.items():
        assert theirs in event
        event = event.replace(theirs, our)
    assert outcome(function, event.encode()) == expected


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
