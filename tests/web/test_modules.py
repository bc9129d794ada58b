"""The element's files: their size, what they load from elsewhere, and their types for TypeScript."""

import gzip
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from local.pages import WEB
from tools.schemas import TOOLS, schemas

LIMIT = 12 * 1024
NODE = Path("tests/node")
PACKAGE = NODE / "node_modules" / "lean-qr"

with_typescript = pytest.mark.skipif(not TOOLS.is_dir(), reason="npm has installed nothing")


def loaded_with(module: Path) -> set[Path]:
    """The module and all that it imports, and so on; without what it may fetch later."""
    found = {module}
    for name in re.findall(r'^import .*?"(\..*?)";$', module.read_text(), flags=re.MULTILINE):
        found |= loaded_with((module.parent / name).resolve())
    return found


@pytest.mark.parametrize("language", ["en", "zh", "id"])
def test_the_element_is_small(language: str) -> None:
    modules = loaded_with(WEB / "cams-qr.js") | {WEB / "cams-qr" / "texts" / f"{language}.js"}
    assert WEB / "vendor" / "lean-qr" / "nano.js" in modules
    assert not [module for module in modules if "tools" in module.parts]
    assert sum(len(gzip.compress(module.read_bytes(), 9, mtime=0)) for module in modules) <= LIMIT


def test_the_tools_are_small() -> None:
    modules = (WEB / "cams-qr" / "tools").iterdir()
    assert sum(len(gzip.compress(module.read_bytes(), 9, mtime=0)) for module in modules) <= 16 * 1024


def test_the_tag_needs_the_files_that_are_told() -> None:
    files = [WEB / name for name in told("The tag needs")]
    copied = {path for file in files for path in (file.rglob("*.js") if file.is_dir() else [file])}
    fetched = {WEB / "cams-qr" / "tools" / "tools.js", *(WEB / "cams-qr" / "texts").iterdir()}
    assert copied == loaded_with(WEB / "cams-qr.js").union(*map(loaded_with, fetched))


def test_nothing_is_loaded_from_elsewhere() -> None:
    for module in loaded_with(WEB / "page.js") | loaded_with(WEB / "cams-qr" / "tools" / "tools.js"):
        assert WEB in module.parents
        assert not re.search(r'(?:import|from)\s*\(?"(?!\.)', module.read_text())


def keys(source: str) -> list[str]:
    return re.findall(r"^ +(\w+):", source, flags=re.MULTILINE)


def test_every_language_says_the_same() -> None:
    english, *others = [keys(file.read_text()) for file in (WEB / "cams-qr" / "texts").iterdir()]
    assert others == [english, english]
    _, english, *others = map(keys, (WEB / "cams-qr" / "tools" / "texts.js").read_text().split("\nfunction "))
    assert others == [english, english]


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="npm has installed nothing")
def test_the_drawing_is_the_packages() -> None:
    ours = (WEB / "vendor" / "lean-qr" / "nano.js").read_bytes()
    assert ours == (PACKAGE / "nano.mjs").read_bytes()
    assert (WEB / "vendor" / "lean-qr" / "LICENSE").read_bytes() == (PACKAGE / "LICENSE").read_bytes()
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]["node_modules/lean-qr"]
    said = (WEB / "vendor" / "README.md").read_text()
    for fact in [locked["version"], locked["license"], locked["integrity"], hashlib.sha256(ours).hexdigest()]:
        assert fact in said


def told(beginning: str) -> list[str]:
    """The names in backticks of the sentence in docs/web.md that begins so."""
    sentence = re.split(r"\.\s", (WEB.parent / "docs" / "web.md").read_text().split(beginning)[1])[0]
    return re.findall(r"`([\w./-]+)`", sentence)


def test_every_custom_property_is_told() -> None:
    sources = "".join(file.read_text() for file in WEB.rglob("style.js"))
    first, *others = told("These custom properties override them:")
    assert {first, *(f"--cams-qr{name}" for name in others)} == set(re.findall(r"--cams-qr-[\w-]+", sources)) - {
        "--cams-qr-"
    }


def test_every_part_that_is_told_is_one() -> None:
    sources = "".join(file.read_text() for file in (WEB / "cams-qr").rglob("*.js"))
    classes = {name for value in re.findall(r'class: "(.*?)"', sources) for name in value.split()}
    parts = told("The parts are")
    assert len(parts) == 16
    assert set(parts) <= classes


@with_typescript
def test_the_shapes_are_those_of_the_description() -> None:
    made = "make web/cams-qr/schemas.d.ts"
    assert (WEB / "cams-qr" / "schemas.d.ts").read_text() == schemas(), made


USE = """
import type { CamsQr } from "WEB/cams-qr.js";
const element: CamsQr = document.createElement("cams-qr");
element.token = async () => "token";
element.headers = () => ({ "X-Shop": "1" });
element.phoneNumber = null;
console.log(element.phoneNumber.length);
element.addEventListener("cams-qr-load", ({ detail }) => console.log(detail.qrCodes[0]?.deepLinkUrl?.length));
element.addEventListener("cams-qr-error", ({ detail }) => {
  if (detail.code === "not_owned") console.log(detail.requestId.length);
  if (detail.code === "unreachable") console.log(detail.retryAfter);
});
// @ts-expect-error a token is asked for, not given
element.token = "token";
"""


@with_typescript
def test_typescript_knows_the_element(tmp_path: Path) -> None:
    use = tmp_path / "use.ts"
    use.write_text(USE.replace("WEB", str(WEB)))
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    done = subprocess.run([TOOLS / "tsc", *options, use], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout
