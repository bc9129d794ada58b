"""Three kinds of official clients accept the sandbox as CAMS."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_cams20200606.client import Client
from alibabacloud_cams20200606.models import ListPhoneMessageQrdlRequest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config

from local.lists import LISTS
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.traps import ERRORS, TRAPS

NODE = Path("tests/node")


def python_client(endpoint: str, secret: str = DEMO_KEY.secret) -> Any:
    return Client(
        Config(
            access_key_id=DEMO_KEY_ID,
            access_key_secret=secret,
            security_token=DEMO_KEY.token,
            endpoint=endpoint,
            protocol="HTTP",
        )
    )


def test_the_official_python_client(endpoint: str, sandbox: Sandbox) -> None:
    answer = python_client(endpoint).list_phone_message_qrdl(ListPhoneMessageQrdlRequest(phone_number="8613800001234"))
    assert answer.status_code == 200
    assert answer.body.code == "OK"
    assert [item.qrdl_code for item in answer.body.data] == ["4O4YGZEG3RIVE1", "WOMVT6TJ2BP7A1"]
    assert sandbox.queries == [{"PhoneNumber": "8613800001234"}]


def test_the_official_python_client_with_a_wrong_secret(endpoint: str) -> None:
    with pytest.raises(ClientException) as refused:
        python_client(endpoint, "wrong").list_phone_message_qrdl(
            ListPhoneMessageQrdlRequest(phone_number="8613800001234")
        )
    assert refused.value.code == "SignatureDoesNotMatch"


@pytest.mark.skipif(
    not (shutil.which("node") and (NODE / "node_modules").is_dir()),
    reason="Node or its official client is not installed",
)
@pytest.mark.parametrize(("secret", "code"), [(DEMO_KEY.secret, "OK"), ("wrong", "SignatureDoesNotMatch")])
def test_the_official_node_client(endpoint: str, secret: str, code: str) -> None:
    arguments = [endpoint, DEMO_KEY_ID, secret, str(DEMO_KEY.token), "8613800001234"]
    done = subprocess.run(["node", "list.js", *arguments], cwd=NODE, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["code"] == code
    if code == "OK":
        assert [item["qrdlCode"] for item in answer["data"]] == ["4O4YGZEG3RIVE1", "WOMVT6TJ2BP7A1"]


def test_the_quota_is_the_accounts(endpoint: str, sandbox: Sandbox) -> None:
    sandbox.qps = 5
    client, codes = python_client(endpoint), []
    for _ in range(7):
        try:
            request = ListPhoneMessageQrdlRequest(phone_number="8613800001234")
            codes.append(client.list_phone_message_qrdl(request).body.code)
        except ClientException as refused:
            codes.append(refused.code)
    assert codes == ["OK"] * 5 + ["System.LimitControl"] * 2


def test_the_readme_names_every_magic_number() -> None:
    text = Path("local/README.md").read_text()
    rows = re.findall(r"^\| (\d{4}) \| (.+?) \|$", text, re.MULTILINE)
    documented = {(int(row), what) for row, what in rows}
    errors = {(row, f"`{code}`") for row, (code, _) in ERRORS.items()}
    traps = {(row, trap.what) for row, trap in TRAPS.items()}
    assert documented == errors | traps
    assert all(number in text for number in LISTS)
