"""One JSON line for each invocation, nothing else printed, and nothing secret in it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from cams_qr import __version__
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.traps import TRAPS
from tests.conftest import CODE, NUMBER, Function

ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


def test_a_success(function: Function, log: Any) -> None:
    context = function.context()
    answer = function.direct({"phoneNumber": NUMBER}, context)
    (line,) = log()
    numbers = {name: line.pop(name) for name in ("totalMs", "permitWaitMs", "upstreamMs")}
    assert line == {
        "level": "INFO",
        "requestId": context.request_id,
        "trigger": "direct",
        "status": 200,
        "coldStart": True,
        "version": __version__,
        "phoneNumber": "861********34",
        "upstreamRequestId": answer["result"]["requestId"],
        "attempts": 1,
    }
    assert numbers["totalMs"] >= numbers["upstreamMs"] > 0
    function.ask()
    (warm,) = log()
    assert warm["coldStart"] is False
    assert "version" not in warm


def test_a_failure(function: Function, log: Any) -> None:
    answer = function.http(
        "POST", "/v2/qr-codes", body=json.dumps({"phoneNumber": ROWS["once: 503 ServiceUnavailable"]})
    )
    assert answer.status == 200
    (line,) = log()
    assert (line["route"], line["attempts"], line["status"]) == ("POST /qr-codes", 2, 200)
    answer = function.http("POST", body=json.dumps({"phoneNumber": "15555030010"}))
    (line,) = log()
    assert (line["level"], line["trigger"], line["problem"]) == ("ERROR", "http_trigger", "upstream_unavailable")
    assert line["upstreamCode"] == "ServiceUnavailable"
    assert line["upstreamRequestId"] == answer.problem["upstream"]["requestId"]
    assert line["permitWaitMs"] >= 0


def test_bad_input(function: Function, log: Any) -> None:
    function.http(parameters={"phoneNumber": "not a number"})
    (line,) = log()
    assert (line["level"], line["status"], line["problem"]) == ("WARNING", 400, "invalid_request")
    assert "phoneNumber" not in line


def test_a_preflight(function: Function, log: Any) -> None:
    function.http("OPTIONS")
    (line,) = log()
    assert (line["route"], line["status"]) == ("OPTIONS /qr-codes", 204)


def test_a_hostile_path_or_method_is_not_logged(function: Function, log: Any) -> None:
    function.http("GET", "/8613800001234/secret")
    function.http("8613800001234")
    assert NUMBER not in json.dumps(log())


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", 2), ("INFO", 2), ("WARNING", 1), ("ERROR", 0)])
def test_the_level_is_set(function: Function, log: Any, level: str, lines: int) -> None:
    function.configure(LOG_LEVEL=level)
    function.ask()
    function.ask("bad")
    assert len(log()) == lines


@pytest.mark.parametrize("request_id", ["\xfc", "\u2028", "\U0001f600", "\ud800"])
def test_a_line_is_ascii(function: Function, capfd: pytest.CaptureFixture[str], request_id: str) -> None:
    function.direct({"phoneNumber": NUMBER}, function.context(request_id=request_id))
    (line,) = capfd.readouterr().out.splitlines()
    assert line.isascii()
    assert json.loads(line)["requestId"] == request_id


SECRETS = [NUMBER, *ROWS.values(), DEMO_KEY.secret, str(DEMO_KEY.token), "Hello, I would", "oh=signature", "diagnostic"]


def test_nothing_secret_is_printed(function: Function, capfd: pytest.CaptureFixture[str]) -> None:
    function.timeout = 0.5
    function.ask()
    for number in ROWS.values():
        function.ask(number)
    printed = capfd.readouterr()
    assert printed.err == ""
    assert len(printed.out.splitlines()) == len(ROWS) + 1
    assert [secret for secret in SECRETS if secret in printed.out] == []


def test_an_error_of_ours_is_logged_with_its_stack_and_answered_without(function: Function, log: Any) -> None:
    class Broken:
        @property
        def credentials(self) -> Any:
            raise LookupError(f"{DEMO_KEY.secret} {NUMBER}")

    context = Broken()
    context.__dict__.update({k: v for k, v in vars(function.context()).items() if k != "credentials"})
    answer = function.direct({"phoneNumber": NUMBER}, context)
    stack, line = log()
    assert answer["problem"]["code"] == line["problem"] == "internal_error"
    assert set(answer["problem"]) == {"type", "title", "status", "code", "detail", "requestId", "retryable"}
    assert stack["requestId"] == vars(context)["request_id"]
    assert stack["stack"][-1] == "LookupError"
    assert any("credentials.py" in frame for frame in stack["stack"])
    assert DEMO_KEY.secret not in json.dumps([answer, stack, line])
    assert NUMBER not in json.dumps([answer, stack, line])


PROCESS = """
import types, index
context = types.SimpleNamespace(request_id="r", function=types.SimpleNamespace(timeout=3))
for number in ("8613800001234", "16660000010", "16660000014", "15554030001", "16660000028"):
    index.handler(b'{"phoneNumber": "%s"}' % number.encode(), context)
"""


@pytest.mark.parametrize("debug", ["", "sdk", "SDK"])
def test_the_sdk_prints_nothing_in_a_process_of_its_own(endpoint: str, debug: str) -> None:
    environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {
        "CAMS_ENDPOINT": endpoint,
        "CAMS_PROTOCOL": "HTTP",
        "DEBUG": debug,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROCESS],
        env=environ | {"PYTHONPATH": CODE},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert [json.loads(line)["requestId"] for line in done.stdout.splitlines()] == ["r"] * 5
    assert DEMO_KEY.secret not in done.stdout
