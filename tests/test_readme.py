"""README fits on a page, in both languages; the commands it shows run, and the documents' make commands exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from local.gateway import gateway
from local.serve import serve
from tests.conftest import NUMBER, Function
from tests.examples.test_examples import client

README = Path("README.md").read_text()
CHINESE = Path("README.zh-CN.md").read_text()
MAKEFILE = Path("Makefile").read_text()
DOCUMENTS = sorted({*Path().glob("*.md"), *Path("docs").glob("**/*.md"), *Path("local").glob("*.md")})
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a language, without comments."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return [re.sub(r" +# .*", "", block) for block in found]


def commands(tool: str) -> list[str]:
    return [line for block in blocks(README, "sh") for line in block.splitlines() if line.startswith(tool)]


@pytest.fixture
def address(function: Function) -> Iterator[str]:
    with serve(gateway(function.raw, lambda: function.context())) as address:
        yield address


def answer(command: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", command], env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", ["sh", "html", "python", "json"])
def test_both_languages_have_the_same_code(language: str) -> None:
    assert blocks(README, language) == blocks(CHINESE, language) != []


@needs_curl
def test_the_queries_of_make_run(address: str) -> None:
    answers = [answer(command.replace("127.0.0.1:8000", address)) for command in commands("curl")]
    found, posted, failed = map(json.loads, answers[:3])
    assert (len(found["qrCodes"]), len(posted["qrCodes"])) == (2, 1)
    assert failed["status"] == 403
    assert ElementTree.fromstring(answers[3]).tag.endswith("svg")


@needs_curl
def test_a_server_calls_it(address: str) -> None:
    (command,) = commands("sh")
    here = command.replace(".venv/bin/python", sys.executable).replace("https://…", f"http://{address}")
    assert len(json.loads(answer(here))["qrCodes"]) == 2


def test_another_function_calls_it(address: str) -> None:
    (example,) = blocks(README, "python")
    assert "client_for(context)" in example
    names: dict[str, Any] = {"client": client(address)}
    exec(example.replace("client_for(context)", "client"), names)
    assert len(names["answer"]["result"]["qrCodes"]) == 2


def test_an_event_bus_calls_it(function: Function) -> None:
    (event,) = blocks(README, "json")
    assert function.raw(event.encode())["result"]["phoneNumber"] == NUMBER


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_make_command_exists(document: Path) -> None:
    text = document.read_text()
    lines = [line for block in blocks(text, "sh") for line in block.splitlines() if line.startswith("make ")]
    found = [line.removeprefix("make ") for line in lines] + re.findall(r"`make ([^`]+)`", text)
    for words in map(shlex.split, found):
        targets = [word for word in words if "=" not in word and word != "…"]
        variables = [word.partition("=")[0] for word in words if "=" in word]
        assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets), words
        assert all(re.search(rf"(\$\{{?|value ){name}\b", MAKEFILE) for name in variables), words
