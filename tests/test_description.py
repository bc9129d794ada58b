"""The OpenAPI description is valid, and matches what the function answers behind a gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
import yaml
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from local.cloud import Cloud
from local.fc import make_context
from local.gateway import gateway
from local.serve import serve
from local.trigger_auth import check_signature, check_token
from tests.conftest import CODE, NUMBER, Function, further
from tests.npm import needs_npm, run
from tests.tokens import Issuer

DOCUMENT = Path("docs/openapi.json")
HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
LINTERS = Path("tests/lint")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def address(function: Function, issuer: Issuer) -> Iterator[str]:
    function.configure(CACHE_TTL_SECONDS="60")
    check = check_token(issuer.config())
    with serve(gateway(function.start().handler, lambda: make_context("python3.10", 10), check=check)) as address:
        yield address


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(json.loads(DOCUMENT.read_text())).validate()


@needs_npm
def test_redocly_misses_the_licence_alone() -> None:
    """By its recommended rules; this repository names no licence."""
    told = json.loads(run(LINTERS, "redocly", "lint", DOCUMENT, "--extends=recommended", "--format=json"))
    assert [(problem["ruleId"], problem["severity"]) for problem in told["problems"]] == [("info-license", "warn")]
    assert told["totals"] == {"errors": 0, "warnings": 1, "ignored": 0}


@needs_npm
def test_spectral_finds_nothing() -> None:
    rules = LINTERS / "spectral.yaml"
    told = run(LINTERS, "spectral", "lint", DOCUMENT, f"--ruleset={rules}", "--fail-severity=hint")
    assert "No results with a severity of 'hint' or higher found!" in told


def test_it_says_how_to_get_in_for_all_that_the_template_offers() -> None:
    parameters = yaml.safe_load(Path("template.yml").read_text())["Parameters"]
    schemes = json.loads(DOCUMENT.read_text())["components"]["securitySchemes"]
    for name in ("HttpAuth", "GatewayAuth"):
        for value in parameters[name]["AllowedValues"]:
            told = [scheme for scheme in schemes.values() if f"{name} is `{value}`" in scheme["description"]]
            assert len(told) == 1, (name, value)


def test_it_says_what_is_told_to_whom_the_function_never_sees(function: Function, issuer: Issuer) -> None:
    authorization = f"ACS3-HMAC-SHA256 Credential=somebody,SignedHeaders=x-acs-date,Signature={'0' * 64}"
    bad = {"Authorization": authorization, "x-acs-date": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}
    with_tokens = check_token(issuer.config())
    cloud = Cloud()
    cloud.account.route = "Deployed"
    refused = [
        (400, ask_behind(gateway(function.raw, function.context, check=check_signature))),
        (403, ask_behind(gateway(function.raw, function.context, check=check_signature), bad)),
        (403, ask_behind(gateway(function.raw, function.context, check=with_tokens))),
        (401, ask_behind(gateway(function.raw, function.context, check=cloud.at_route(with_tokens)))),
        (429, while_another_is_answered(function)),
    ]
    document = json.loads(DOCUMENT.read_text())
    refusal = document["components"]["schemas"]["Refusal"]
    for status, answer in refused:
        described = document["paths"]["/qr-codes"]["get"]["responses"][str(status)]
        assert answer.status_code == status
        assert answer.headers["Content-Type"].split(";")[0] in described["content"]
        assert described["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}
        Draft202012Validator({**refusal, "additionalProperties": False}).validate(answer.json())
        assert not any(header["required"] for header in described.get("headers", {}).values())


def ask_behind(app: web.Application, headers: dict[str, str] | None = None) -> requests.Response:
    with serve(app) as address:
        return requests.get(f"http://{address}/qr-codes?phoneNumber={NUMBER}", headers=headers, timeout=10)


def while_another_is_answered(function: Function) -> requests.Response:
    entered, leave = Event(), Event()

    def slow(event: bytes, context: Any) -> object:
        entered.set()
        leave.wait(10)
        return {"statusCode": 200, "body": ""}

    with serve(gateway(slow, function.context, reserved=True)) as address, ThreadPoolExecutor() as pool:
        pool.submit(requests.get, f"http://{address}/", timeout=10)
        entered.wait(10)
        try:
            return requests.get(f"http://{address}/", timeout=10)
        finally:
            leave.set()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("phases", ["examples", *further("coverage,fuzzing")])
def test_it_is_true(address: str, issuer: Issuer, tmp_path: Path, phases: str) -> None:
    """All checks; nothing is created or removed here, so there are no states to walk through."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT.resolve()), "--url", f"http://{address}"]
    options = ["--checks", "all", "--phases", phases, "--max-examples", "8", "--seed", "1"]
    options += ["--generation-database", ":memory:", "--header", f"Authorization: Bearer {issuer.token(exp=2**32)}"]
    environment = {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": f"{HOOKS.parent}:{CODE}", "PATH": os.environ["PATH"]}
    done = subprocess.run([*command, *options], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Operations:       6 selected / 6 total" in done.stdout
    assert "failures" not in done.stdout
