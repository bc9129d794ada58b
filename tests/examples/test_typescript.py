"""The TypeScript client: its types are those of docs/openapi.json, it compiles, and it runs in Node."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cams_qr.problems import KINDS
from local.gateway import gateway
from local.serve import serve
from local.trigger_auth import check_signature, check_token
from tests.conftest import NUMBER, Function
from tests.examples.problems import ASKED, every_problem, noting, one_at_a_time, that_does_not_start
from tests.npm import needs_npm, run
from tests.tokens import Issuer

EXAMPLE = Path("examples/typescript")

pytestmark = needs_npm


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled client; the compiler has judged tests/examples/narrowing.ts as well."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    for file in (*EXAMPLE.glob("*.ts"), EXAMPLE / "tsconfig.json", Path("tests/examples/narrowing.ts")):
        shutil.copy(file, source)
    run(EXAMPLE, "tsc", "--project", source, "--noEmit", "false", "--outDir", made)
    (made / "package.json").write_text('{"type": "module"}')
    return made


@pytest.fixture
def node(compiled: Path, tmp_path: Path) -> Callable[[str], Any]:
    """Runs a script that has the client imported; returns what it says."""

    def say(script: str) -> Any:
        main = tmp_path / "main.mjs"
        main.write_text(f"import {{ client }} from {json.dumps(str(compiled / 'ask.js'))};\n{script}")
        done = subprocess.run(["node", main], capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return say


Node = Callable[[str], Any]


def test_the_types_are_those_of_the_description(tmp_path: Path) -> None:
    made = tmp_path / "cams-qr.d.ts"
    run(EXAMPLE, "openapi-typescript", "docs/openapi.json", "-o", made)
    assert made.read_text() == (EXAMPLE / "cams-qr.d.ts").read_text(), "npm run types --prefix examples/typescript"


def test_it_is_short_enough_to_copy() -> None:
    assert len((EXAMPLE / "ask.ts").read_text().splitlines()) <= 60


def test_a_list(node: Node, function: Function) -> None:
    with serve(gateway(function.raw, function.context)) as address:
        answer = node(
            f'console.log(JSON.stringify(await client("http://{address}").list({{phoneNumber: "{NUMBER}"}})))'
        )
    assert answer["ok"]
    drawings = [code["svgUrl"] for code in answer["list"]["qrCodes"]]
    assert drawings[0] == f"http://{address}/qr-codes/4O4YGZEG3RIVE1.svg?phoneNumber={NUMBER}"


def test_every_problem(node: Node, function: Function) -> None:
    with every_problem(function) as url:
        answers = node(f"""
const {{ ask }} = client("{url}", {{ attempts: 1 }});
const answers = {{}};
for (const [code, [route, body, type, Origin]] of Object.entries({json.dumps(ASKED)})) {{
  const post = {{ method: "POST", body, headers: {{ "Content-Type": type }} }};
  answers[code] = await ask(route, body !== null ? post : Origin ? {{ headers: {{ Origin }} }} : {{}});
}}
console.log(JSON.stringify(answers));
""")
    assert {code: answer["ok"] or answer["problem"]["code"] for code, answer in answers.items()} == {
        k: k for k in KINDS
    }
    assert answers["invalid_request"]["problem"]["errors"][0]["field"] == "phoneNumber"


def test_a_caller_without_credentials_is_refused(node: Node, function: Function) -> None:
    issuer = Issuer()
    script = """
const headers = async () => (%s);
console.log(JSON.stringify(await client("http://%s", { headers }).list({ phoneNumber: "8613800001234" })));
"""
    with serve(gateway(function.raw, function.context, check=check_token(issuer.config()))) as address:
        assert node(script % ("{}", address))["problem"].items() >= {"code": "refused", "status": 403}.items()
        assert node(script % (json.dumps({"Authorization": f"Bearer {issuer.token()}"}), address))["ok"]
    with serve(gateway(function.raw, function.context, check=check_signature)) as address:
        assert node(script % ("{}", address))["problem"].items() >= {"code": "refused", "status": 400}.items()


def test_a_function_that_does_not_start_is_no_list(node: Node, function: Function) -> None:
    with that_does_not_start(function) as url:
        script = f'console.log(JSON.stringify(await client("{url}").list({{ phoneNumber: "{NUMBER}" }})))'
        assert not (answer := node(script))["ok"]
        assert (answer["problem"]["code"], answer["problem"]["status"]) == ("refused", 200)
        assert "CAMS_QPS" in answer["problem"]["detail"]


def test_it_retries_after_the_time_in_retry_after(node: Node, function: Function) -> None:
    function.configure(CAMS_QPS="1", CAMS_MAX_WAIT_SECONDS="0")
    with noting(function) as (url, statuses):
        answers = node(f"""
const {{ list }} = client("{url}");
const first = await list({{ phoneNumber: "{NUMBER}" }});
const second = await list({{ phoneNumber: "6281200001234" }});
console.log(JSON.stringify([first, second]));
""")
    assert [answer["ok"] for answer in answers] == [True, True]
    assert statuses == [200, 429, 200]


@pytest.mark.thorough
def test_it_retries_when_all_instances_are_busy(node: Node, function: Function) -> None:
    with one_at_a_time(function) as url:
        answers = node(f"""
const {{ list }} = client("{url}");
const query = {{ phoneNumber: "{NUMBER}" }};
console.log(JSON.stringify(await Promise.all([list(query), list(query)])));
""")
    assert [answer["ok"] for answer in answers] == [True, True]


def test_what_has_not_changed_is_not_sent_again(node: Node, function: Function) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    with noting(function) as (url, statuses):
        first, second = node(f"""
const {{ list }} = client("{url}");
console.log(JSON.stringify([await list({{ phoneNumber: "{NUMBER}" }}), await list({{ phoneNumber: "{NUMBER}" }})]));
""")
    assert first == second
    assert statuses == [200, 304]
