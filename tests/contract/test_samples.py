"""Each file in events/ gets the answer that its name stands for."""

import json
from pathlib import Path

import pytest

from tests.conftest import Function

SAMPLES = {
    "direct.json": 200,
    "invoke_function.json": 200,
    "http_trigger_get.json": 200,
    "http_trigger_post.json": 200,
    "http_trigger_preflight.json": 204,
    "api_gateway_get.json": 200,
    "api_gateway_post.json": 200,
    "batch.json": 207,
    "cloud_event.json": 200,
    "cloud_event_smq.json": 200,
    "cloud_event_smq_base64.json": 200,
    "cloud_event_rocketmq.json": 200,
    "cloud_event_rabbitmq.json": 200,
    "stream_kafka.json": 207,
    "stream_rocketmq.json": 207,
    "stream_raw.json": 207,
    "topic.json": 200,
    "topic_attributes.json": 200,
    "topic_text.txt": 200,
    "timer.json": 207,
    "unsupported.json": 400,
}
FOLDER = Path("events")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("runtime", ["python3.10", "python3.12"])
def test_a_sample(function: Function, name: str, runtime: str) -> None:
    function.runtime = runtime
    function.configure(ALLOWED_ORIGINS="https://shop.example.com")
    answer = function.raw((FOLDER / name).read_bytes())
    assert answer.get("statusCode", answer.get("status")) == SAMPLES[name]
    json.dumps(answer)


def test_every_sample_is_run() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(SAMPLES)
