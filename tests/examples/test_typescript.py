"""The TypeScript example: its types are those of docs/openapi.json, it compiles, and it runs in Node."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.fc import make_context
from local.gateway import gateway
from local.serve import serve
from tests.conftest import NUMBER, Function

EXAMPLE = Path("examples/typescript")
TOOLS = EXAMPLE / "node_modules" / ".bin"

pytestmark = pytest.mark.skipif(not TOOLS.is_dir() or not shutil.which("node"), reason="npm has installed nothing")


@pytest.fixture
def address(function: Function) -> Iterator[str]:
    with serve(gateway(function.start().handler, lambda: make_context("python3.10", 10))) as address:
        yield address


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_types_are_those_of_the_description(tmp_path: Path) -> None:
    made = tmp_path / "cams-qr.d.ts"
    run(TOOLS / "openapi-typescript", "docs/openapi.json", "-o", made)
    assert made.read_text() == (EXAMPLE / "cams-qr.d.ts").read_text(), "npm run types --prefix examples/typescript"


def test_it_compiles_and_runs(address: str, tmp_path: Path) -> None:
    run(TOOLS / "tsc", "--project", EXAMPLE, "--noEmit", "false", "--outDir", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "main.js").write_text(f"""
import {{ listQrCodes }} from "./ask.js";
const found = await listQrCodes("http://{address}", "{NUMBER}");
const failed = await listQrCodes("http://{address}", "4915112345678").catch((error) => error.problem.code);
console.log(JSON.stringify([found[0].drawing, failed]));
""")
    drawing, failed = json.loads(run("node", tmp_path / "main.js"))
    assert drawing == f"http://{address}/qr-codes/4O4YGZEG3RIVE1.svg?phoneNumber={NUMBER}"
    assert failed == "not_owned"
