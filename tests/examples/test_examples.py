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
from local.trigger_auth import check_domain_signature, check_signature
from tests.conftest import NUMBER, Function
from tests.examples.problems import ASKED, every_problem, that_does_not_start
from tests.npm import needs_npm


def client(address: str, secret: str = DEMO_KEY.secret, key_id: str = DEMO_KEY_ID) -> Client:
    config = Config(access_key_id=key_id, access_key_secret=secret, security_token=DEMO_KEY.token)
    config.endpoint, config.protocol = address, "HTTP"
    return Client(config)


@pytest.fixture(params=[False, True], ids=["bare", "wrapped"])
def address(function: Function, request: pytest.FixtureRequest) -> Iterator[str]:
    with serve(gateway(function.raw, lambda: function.context(), wrapping=request.param)) as address:
        yield address


def test_one_query(address: str) -> None:
    answer = ask.ask(client(address), {"phoneNumber": NUMBER})
    assert answer["status"] == 200
    assert "result" in answer
    assert len(answer["result"]["qrCodes"]) == 2


def test_a_failure_is_an_answer(address: str) -> None:
    answer = ask.ask(client(address), {"phoneNumber": "4915112345678"})
    assert "problem" in answer
    assert (answer["status"], answer["problem"]["code"]) == (404, "not_owned")


def test_a_function_that_raises_is_told_by_a_header(address: str) -> None:
    with pytest.raises(ask.FunctionFailed, match="not_owned") as failed:
        ask.ask(client(address), {"specversion": "1.0", "data": {"phoneNumber": "4915112345678"}})  # type: ignore[dict-item]
    assert failed.value.args[0] == "UnhandledInvocationError"


def test_a_function_that_does_not_start_is_told_by_a_header(function: Function) -> None:
    with that_does_not_start(function) as url:
        caller = client(url.removeprefix("http://"))
        for _ in range(2):
            with pytest.raises(ask.FunctionFailed, match="CAMS_QPS") as failed:
                ask.ask(caller, {"phoneNumber": NUMBER})
            assert failed.value.args[0] == "InitializationError"
        assert ask.ask(caller, {"phoneNumber": NUMBER})["status"] == 200, "the next instance starts"


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
        asked = {code: route.partition("=")[2] for code, (route, body, *_) in ASKED.items() if "?" in route}
        caller = client(url.removeprefix("http://"))
        found = {code: ask.ask(caller, {"phoneNumber": number}, rounds=1) for code, number in asked.items()}
    told = {code: answer["problem"]["code"] for code, answer in found.items() if "problem" in answer}
    assert told == {code: code for code in asked}
    assert len(asked) == 12


def test_the_links_of_a_number(address: str) -> None:
    assert (ask.links(client(address), NUMBER)[0] or "").startswith("https://wa.me/message/")
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
    assert refused.value.code == "SignatureNotMatch"
    with pytest.raises(ClientException) as unknown:
        ask.ask(client(address, key_id="LTAI.nobody"), {"phoneNumber": NUMBER})
    assert unknown.value.code == "InvalidAccessKeyID"


def test_an_event_that_is_too_large(address: str) -> None:
    with pytest.raises(ClientException) as refused:
        ask_later.ask_later(client(address), {"phoneNumber": "1" * 128 * 1024})
    assert (refused.value.code, refused.value.status_code) == ("EntityTooLarge", 400)


def test_another_function_does_not_exist(address: str) -> None:
    with pytest.raises(ClientException) as refused:
        client(address).invoke_function("other", InvokeFunctionRequest(body=io.BytesIO(b"{}")))
    assert refused.value.code == "FunctionNotFound"


@pytest.fixture(params=[[], ["--domain"]], ids=["trigger", "domain"])
def signing(function: Function, request: pytest.FixtureRequest) -> Iterator[tuple[str, list[str]]]:
    """The address of a door that requires a signature, and the option for its scheme."""
    check = check_domain_signature if request.param else check_signature
    with serve(gateway(function.raw, function.context, check=check)) as address:
        yield f"http://{address}", request.param


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_a_signed_curl_command_runs(signing: tuple[str, list[str]]) -> None:
    url, option = signing
    asked = f"{url}/qr-codes?phoneNumber={NUMBER}"
    script = [sys.executable, "-W", "error", "examples/signed_curl.py", *option, asked]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    answer = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True).stdout
    assert len(json.loads(answer)["qrCodes"]) == 2


@needs_npm
def test_node_signs(signing: tuple[str, list[str]], tmp_path: Path) -> None:
    url, option = signing
    codes = node(tmp_path, url, *option)
    assert (codes.returncode, codes.stderr) == (0, "")
    assert codes.stdout.splitlines()[0] == "4O4YGZEG3RIVE1 https://wa.me/message/4O4YGZEG3RIVE1"
    other = node(tmp_path, url, *([] if option else ["--domain"]))
    assert "InvalidArgument" in other.stderr


@needs_npm
def test_node_tells_of_a_function_that_does_not_start(function: Function, tmp_path: Path) -> None:
    with that_does_not_start(function) as url:
        assert "The function does not start: CAMS_QPS" in node(tmp_path, url).stderr


def node(folder: Path, url: str, *option: str) -> subprocess.CompletedProcess[str]:
    """Runs the example where its library is found."""
    shutil.copy("examples/ask_http.mjs", folder)
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(Path("tests/node/node_modules").absolute())
    line: list[str | Path] = ["node", folder / "ask_http.mjs", url, NUMBER, *option]
    return subprocess.run(line, capture_output=True, text=True, timeout=50)
