"""The examples, run: the official client signs its requests, and the local gateway calls the function."""

import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330.models import EventBridgeTriggerConfig, InvokeFunctionRequest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config

from examples import ask, ask_later
from local.cloud import Cloud
from local.fc import make_context
from local.gateway import gateway
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from tests.conftest import NUMBER, Function
from tests.examples.problems import ASKED, every_problem


def client(address: str, secret: str = DEMO_KEY.secret) -> Client:
    config = Config(access_key_id=DEMO_KEY_ID, access_key_secret=secret, security_token=DEMO_KEY.token)
    config.endpoint, config.protocol = address, "HTTP"
    return Client(config)


@pytest.fixture(params=[False, True], ids=["bare", "wrapped"])
def address(function: Function, request: pytest.FixtureRequest) -> Iterator[str]:
    with serve(gateway(function.raw, lambda: function.context(), wrapping=request.param)) as address:
        yield address


def test_one_query(address: str) -> None:
    answer = ask.ask(client(address), {"phoneNumber": NUMBER})
    assert answer["status"] == 200
    assert len(answer["result"]["qrCodes"]) == 2


def test_a_failure_is_an_answer(address: str) -> None:
    answer = ask.ask(client(address), {"phoneNumber": "4915112345678"})
    assert (answer["status"], answer["problem"]["code"]) == (404, "not_owned")


def test_a_function_that_raises_is_told_by_a_header(address: str) -> None:
    with pytest.raises(ask.FunctionFailed, match="not_owned") as failed:
        ask.ask(client(address), {"specversion": "1.0", "data": {"phoneNumber": "4915112345678"}})
    assert failed.value.args[0] == "UnhandledInvocationError"


def test_a_batch_goes_on_with_what_failed(address: str, function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="1")
    function.timeout = 2
    numbers = [NUMBER, "6281200001234", "8613800000009", "4915112345678"]
    answers = ask.ask_all(client(address), [{"phoneNumber": number} for number in numbers])
    assert [answer["status"] for answer in answers] == [200, 200, 200, 404]
    assert [query["PhoneNumber"] for query in sandbox.queries] == numbers


def test_a_query_is_retried_after_the_time_in_its_problem(address: str, function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="1")
    function.timeout = 0.5
    assert ask.ask(client(address), {"phoneNumber": NUMBER})["status"] == 200
    assert ask.ask(client(address), {"phoneNumber": "6281200001234"}, rounds=1)["status"] == 429
    assert ask.ask(client(address), {"phoneNumber": "6281200001234"})["status"] == 200


def test_every_problem_that_is_not_of_http_alone(function: Function) -> None:
    with every_problem(function) as url:
        asked = {code: route.partition("=")[2] for code, (route, body, _) in ASKED.items() if "?" in route}
        caller = client(url.removeprefix("http://"))
        found = {code: ask.ask(caller, {"phoneNumber": number}, rounds=1) for code, number in asked.items()}
    assert {code: answer["problem"]["code"] for code, answer in found.items()} == {code: code for code in asked}
    assert len(asked) == 12


def test_the_links_of_a_number(address: str) -> None:
    assert ask.links(client(address), NUMBER)[0].startswith("https://wa.me/message/")
    with pytest.raises(ask.FunctionFailed, match="not_owned"):
        ask.links(client(address), "4915112345678")


@pytest.mark.parametrize("runtime", ["python3.10", "python3.12"])
def test_the_client_has_the_role_of_the_invocation(function: Function, runtime: Any) -> None:
    made = ask.client_for(make_context(runtime))
    credential = made._credential.get_credential()
    assert (credential.access_key_id, credential.security_token) == (DEMO_KEY_ID, DEMO_KEY.token)
    assert made._endpoint == "fcv3.ap-southeast-1.aliyuncs.com"


def wait_for(calls: list[Any], count: int) -> None:
    until = time.monotonic() + 10
    while len(calls) < count and time.monotonic() < until:
        time.sleep(0.02)


def test_an_async_call_is_made_later(address: str, sandbox: Sandbox) -> None:
    assert ask_later.ask_later(client(address), {"phoneNumber": NUMBER}).startswith("ask-")
    wait_for(sandbox.arrivals, 1)
    assert [query["PhoneNumber"] for query in sandbox.queries] == [NUMBER]


def test_an_async_call_that_fails_is_tried_again(address: str, sandbox: Sandbox) -> None:
    ask_later.ask_later(client(address), {"phoneNumber": "15554000001"})
    wait_for(sandbox.arrivals, 4)
    assert len(sandbox.arrivals) == 4


def test_answers_get_a_destination_and_failures_keep_theirs() -> None:
    arn = "acs:fc:ap-southeast-1:123456789:functions/"
    failures = {"onFailure": {"destination": f"{arn}failed"}}
    cloud = Cloud()
    cloud.account.functions["cams-qr"] = {}
    cloud.account.asynchronous["cams-qr"] = {"maxAsyncRetryAttempts": 3, "destinationConfig": failures}
    with serve(cloud.app()) as address:
        ask_later.send_answers(client(address), f"{arn}found")
    assert cloud.account.asynchronous["cams-qr"] == {
        "maxAsyncRetryAttempts": 3,
        "destinationConfig": {"onSuccess": {"destination": f"{arn}found"}, **failures},
    }


def test_the_destinations_read_what_function_compute_sends(function: Function) -> None:
    request = {"specversion": "1.0", "id": "ask-1", "data": {"phoneNumber": NUMBER}}
    record = {
        "requestContext": {"condition": "UnhandledInvocationError"},
        "requestPayload": json.dumps(request),
        "responseContext": {"statusCode": 200, "functionError": ""},
        "responsePayload": json.dumps(function.direct(request)),
    }
    event = json.dumps(record).encode()
    assert ask_later.found(event, SimpleNamespace()) == "ask-1: 2 QR codes"
    assert ask_later.failed(event, SimpleNamespace()) == "ask-1: UnhandledInvocationError"


def test_the_eventbridge_trigger_has_only_keys_the_sdk_knows() -> None:
    trigger = json.loads(Path("examples/eventbridge_trigger.json").read_text())
    config = trigger["triggerConfig"]
    assert EventBridgeTriggerConfig().from_map(config).to_map() == config


def test_who_may_call(address: str) -> None:
    with pytest.raises(ClientException) as refused:
        ask.ask(client(address, secret="wrong"), {"phoneNumber": NUMBER})
    assert refused.value.code == "AccessDenied"


def test_another_function_does_not_exist(address: str) -> None:
    with pytest.raises(ClientException) as refused:
        client(address).invoke_function("other", InvokeFunctionRequest(body=io.BytesIO(b"{}")))
    assert refused.value.code == "FunctionNotFound"


def test_a_signed_curl_command_runs(address: str, function: Function) -> None:
    url = f"http://{address}/qr-codes?phoneNumber={NUMBER}"
    script = [sys.executable, "-W", "ignore", "examples/signed_curl.py", url]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert f"authorization: FC {DEMO_KEY_ID}:" in printed
    assert f"x-fc-security-token: {DEMO_KEY.token}" in printed
    if shutil.which("curl"):
        answer = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True).stdout
        assert len(json.loads(answer)["qrCodes"]) == 2
