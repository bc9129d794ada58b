"""The OpenAPI description: equal to the one in docs/, and served under any path prefix."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_qr import __version__
from cams_qr.problems import KINDS
from cams_qr.query import QrQuery
from tests.conftest import Function

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_the_function_gives_the_description(function: Function, shape: str) -> None:
    answer = function.http(path="/prefix/openapi.json", shape=shape)
    assert answer.status == 200
    assert answer.json == DOCUMENT, "make docs/openapi.json, and look at what changed"
    assert answer.json["info"]["version"] == __version__
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    again = function.http(path="/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, "")


def test_every_problem_is_described() -> None:
    described = json.dumps(list(DOCUMENT["paths"].values()))
    assert [code for code in KINDS if f'"{code}"' not in described] == ["method_not_allowed"]


def test_other_methods(function: Function) -> None:
    assert function.http("POST", "/openapi.json").headers["Allow"] == "GET, OPTIONS"


@given(st.text("+0123456789 -.()x", max_size=70))
def test_the_pattern_of_a_phone_number_is_the_rule(text: str) -> None:
    schema = DOCUMENT["components"]["schemas"]["QrQuery"]["properties"]["phoneNumber"]
    described = len(text) <= schema["maxLength"] and re.fullmatch(schema["pattern"], text) is not None
    try:
        accepted = bool(QrQuery(phone_number=text))
    except ValueError:
        accepted = False
    assert described == accepted
