"""What the person on call reads fits what the function does: problem codes, log fields, the index over them."""

import re
from pathlib import Path
from typing import Any

import yaml

from cams_qr.problems import KINDS
from tests.conftest import Function

OPERATIONS = Path("docs/operations.md").read_text()


def indexed() -> set[str]:
    template = yaml.safe_load(Path("template.yml").read_text())
    keys = template["Resources"]["LogIndex"]["Properties"]["KeyIndices"]
    (message,) = (key for key in keys if key["Name"] == "message")
    return {key["Name"] for key in message["JsonKeyIndices"]}


def test_every_problem_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", OPERATIONS))
    assert set(KINDS) <= explained


def test_the_queries_use_indexed_fields() -> None:
    used = set(re.findall(r"message\.(\w+)", OPERATIONS))
    assert len(used) > 5
    assert used <= indexed()


def test_every_field_of_the_log_is_indexed(function: Function, log: Any) -> None:
    function.configure(CACHE_TTL_SECONDS="60", REDIS_URL="redis://127.0.0.1:1/0", CAMS_QPS="5")
    function.ask()
    function.ask("15554000001")
    function.http(parameters={"phoneNumber": "8613800001234"})
    function.direct({"queries": [{"phoneNumber": "8613800001234"}, {"phoneNumber": "1"}]})
    function.configure(CAMS_ENDPOINT="127.0.0.1:1").start()
    function.ask()
    fields = {name for line in log() for name in line}
    assert {"level", "redis", "cams", "item", "cache", "upstreamCode"} <= fields
    assert fields == indexed()
