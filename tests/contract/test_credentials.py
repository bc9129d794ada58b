"""Credentials belong to the invocation: read each time, from the context or the environment, never cached."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.acs3 import AccessKey
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from tests.conftest import CODE, Function

ROTATED = AccessKey(secret="rotated-secret", token="rotated-token")


def credentials(key_id: str, key: AccessKey) -> SimpleNamespace:
    return SimpleNamespace(access_key_id=key_id, access_key_secret=key.secret, security_token=key.token)


@pytest.mark.parametrize("runtime", ["python3.10", "python3.12"])
def test_the_role_signs(function: Function, runtime: str) -> None:
    function.runtime = runtime
    assert function.ask()["status"] == 200


def test_the_context_goes_before_the_environment(function: Function, sandbox: Sandbox) -> None:
    sandbox.keys["STS.new"] = ROTATED
    del sandbox.keys[DEMO_KEY_ID]
    assert function.ask()["problem"]["code"] == "credentials_unavailable"
    assert (
        function.direct(
            {"phoneNumber": "8613800001234"}, function.context(credentials=credentials("STS.new", ROTATED))
        )["status"]
        == 200
    )


@pytest.mark.parametrize("runtime", ["python3.10", "python3.12"])
def test_rotated_credentials_sign_the_very_next_call(function: Function, sandbox: Sandbox, runtime: str) -> None:
    function.runtime = runtime
    assert function.ask()["status"] == 200
    sandbox.keys["STS.new"] = ROTATED
    sandbox.keys[DEMO_KEY_ID] = dataclasses.replace(DEMO_KEY, expired=True)
    for name, value in role_environment("STS.new", ROTATED).items():
        function.monkeypatch.setenv(name, value)
    assert function.ask()["status"] == 200


def test_an_expired_token_is_read_again_once(function: Function, sandbox: Sandbox) -> None:
    expired = dataclasses.replace(DEMO_KEY, expired=True)
    sandbox.keys |= {"STS.old": expired, "STS.new": ROTATED}

    class Rotating:
        reads = 0

        @property
        def credentials(self) -> SimpleNamespace:
            self.reads += 1
            return credentials("STS.old", expired) if self.reads == 1 else credentials("STS.new", ROTATED)

    rotating = Rotating()
    rotating.__dict__.update(function.context().__dict__)
    del rotating.__dict__["credentials"]
    assert function.direct({"phoneNumber": "8613800001234"}, rotating)["status"] == 200
    assert rotating.reads == 2


def test_a_token_that_stays_expired_is_a_problem_after_one_retry(function: Function, sandbox: Sandbox) -> None:
    sandbox.keys[DEMO_KEY_ID] = dataclasses.replace(DEMO_KEY, expired=True)
    answer = function.ask()
    assert answer["problem"]["code"] == "credentials_unavailable"
    assert answer["problem"]["upstream"]["code"] == "InvalidSecurityToken.Expired"
    assert sandbox.refusals == ["InvalidSecurityToken.Expired"] * 2


def test_a_role_without_credentials_falls_back_to_the_environment(function: Function) -> None:
    empty = SimpleNamespace(access_key_id="", access_key_secret="", security_token="")
    assert function.direct({"phoneNumber": "8613800001234"}, function.context(credentials=empty))["status"] == 200


@pytest.mark.parametrize("token", ["abc\ndef", "abc\u2013def"])
def test_a_token_that_no_header_can_carry(function: Function, sandbox: Sandbox, token: str) -> None:
    role = SimpleNamespace(access_key_id="STS.sandbox", access_key_secret="s", security_token=token)
    answer = function.direct({"phoneNumber": "8613800001234"}, function.context(credentials=role))
    assert answer["problem"]["code"] == "credentials_unavailable"
    assert sandbox.arrivals == []


LAPTOP = """
import json, sys, threading, types
import index
context = types.SimpleNamespace(request_id="r", function=types.SimpleNamespace(timeout=10))
answers = [json.loads(index.handler(b'{"phoneNumber": "8613800001234"}', context)) for _ in range(3)]
print(json.dumps([answers, [thread.name for thread in threading.enumerate()]]), file=sys.stderr)
"""


def on_a_laptop(endpoint: str, home: Path) -> tuple[list[Any], list[str]]:
    """Three answers, and the threads there are, in a process with no role: the library reads HOME when imported."""
    environ = {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "HOME": str(home), "PYTHONPATH": CODE}
    done = subprocess.run([sys.executable, "-c", LAPTOP], env=environ, capture_output=True, text=True, check=True)
    answers, threads = json.loads(done.stderr)
    return answers, threads


def test_no_credentials_at_all_is_a_problem(endpoint: str, sandbox: Sandbox, tmp_path: Path) -> None:
    answers, threads = on_a_laptop(endpoint, tmp_path)
    assert [answer["problem"]["code"] for answer in answers] == ["credentials_unavailable"] * 3
    assert all("upstream" not in answer["problem"] for answer in answers)
    assert sandbox.connections == set()
    assert threads == ["MainThread"]


def test_a_developers_profile_signs_through_the_default_chain(endpoint: str, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.keys["LTAI.developer"] = AccessKey(secret="developer-secret")
    profile = {
        "name": "default",
        "mode": "AK",
        "access_key_id": "LTAI.developer",
        "access_key_secret": "developer-secret",
    }
    (tmp_path / ".aliyun").mkdir()
    (tmp_path / ".aliyun" / "config.json").write_text(json.dumps({"current": "default", "profiles": [profile]}))
    answers, threads = on_a_laptop(endpoint, tmp_path)
    assert [answer["status"] for answer in answers] == [200, 200, 200]
    assert threads == ["MainThread"]
