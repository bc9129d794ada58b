"""The zip that is deployed: its contents, and that builds are reproducible; PACKAGE names one that is already built."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from bench.footprint import measure
from bench.instructions import count
from cams_qr import __version__
from cams_qr.cams.sdk.libraries import LEFT_OUT
from deploy.package import HASHES, build, content_hash, default_path, describe
from local.sandbox import Sandbox
from local.serve import serve
from local.valkey import Valkey

RUNTIME = "python{}.{}".format(*sys.version_info)
PACKAGE = os.environ.get("PACKAGE")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(PACKAGE) if PACKAGE else build(RUNTIME, tmp_path_factory.mktemp("package") / "function.zip")


@pytest.fixture(scope="module")
def code(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    zipfile.ZipFile(package).extractall(folder)
    return folder


@pytest.mark.thorough
def test_two_builds_are_the_same_bytes(package: Path, tmp_path: Path) -> None:
    assert content_hash(build(RUNTIME, tmp_path / "again.zip")) == content_hash(package)


def test_it_is_small_and_says_what_is_in_it(package: Path) -> None:
    assert package.stat().st_size <= 9_000_000
    lines = describe(package).splitlines()
    assert lines[0].startswith(f"{package.name}: {package.stat().st_size / 1e6:.2f} MB, ")
    assert lines[-1] == f"sha256 {content_hash(package)}"


def test_its_name_has_the_version_and_the_runtime() -> None:
    assert default_path(RUNTIME).name == f"cams-qr-{__version__}-{RUNTIME}.zip"


def test_what_is_in_it(code: Path) -> None:
    files = [path.relative_to(code) for path in code.rglob("*") if path.is_file()]
    assert {"index.py", "cams_qr", "pydantic", "redis"} <= {file.parts[0] for file in files}
    assert not {file.suffix for file in files} & {".pyi", ".h", ".c", ".pyx"}
    assert not [file for file in files if {"tests", "test", "bin"} & set(file.parts)]
    assert not [file for file in files if str(file).startswith(("share", "pydantic/v1", "urllib3/contrib/emscripten"))]
    assert not {*LEFT_OUT, "yarl", "multidict", "cffi", "pycparser", "tzlocal"} & {file.parts[0] for file in files}


def test_its_bill_of_materials_names_all_that_is_in_it(code: Path) -> None:
    bill = json.loads((code / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {(component["name"], component["version"]) for component in bill["components"]}
    assert named == {(canonicalize_name(d.metadata["Name"]), d.version) for d in distributions(path=[str(code)])}
    assert ("pydantic", "2.14.3") in named


def test_what_was_tampered_with_is_not_packaged(tmp_path: Path) -> None:
    hashes = tmp_path / "hashes.txt"
    hashes.write_text(re.sub(r"(certifi==\S+ --hash=sha256:)\w{64}", rf"\g<1>{'0' * 64}", HASHES.read_text()))
    with pytest.raises(subprocess.CalledProcessError):
        build(RUNTIME, tmp_path / "function.zip", hashes=hashes)


def test_every_module_has_bytecode_that_is_never_checked(code: Path) -> None:
    packed = modules_in(code)
    for source in code.rglob("*.py"):
        name = ".".join(source.relative_to(code).with_suffix("").parts).removesuffix(".__init__")
        beside = Path(importlib.util.cache_from_source(str(source)))
        assert name in packed or beside.exists()
        if beside.exists():
            bytecode = beside.read_bytes()
            assert bytecode[:4] == importlib.util.MAGIC_NUMBER
            assert int.from_bytes(bytecode[4:8], "little") == 0b01, "neither hash-based and unchecked"
            assert f"/code/{source.relative_to(code)}".encode() in bytecode


def modules_in(code: Path) -> set[str]:
    """The modules that are imported from the code's pack."""
    listing = "import sys; from cams_qr.imports import packed; packed.use(sys.argv[1]); print(*sys.meta_path[0]._index)"
    command = [sys.executable, "-S", "-c", listing, str(code)]
    return set(subprocess.check_output(command, env={"PYTHONPATH": str(code)}, text=True).split())


def test_what_is_packed_names_its_source(code: Path) -> None:
    tell = """
import index, inspect, certifi, os, requests.models as module
print(module.__file__, module.__spec__.origin, module.Request.__init__.__code__.co_filename)
print(type(module.__loader__).__name__, "class Request" in inspect.getsource(module), os.path.isfile(certifi.where()))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", tell], env={"PYTHONPATH": str(code)}, capture_output=True, text=True, check=True
    )
    file = f"{code}/requests/models.py"
    assert done.stdout.splitlines() == [f"{file} {file} /code/requests/models.py", "_Loader True True"]


def test_a_pack_for_another_python_is_not_used(code: Path, tmp_path: Path) -> None:
    other = shutil.copytree(code, tmp_path / "code")
    pack = other / "bytecode.pack"
    pack.write_bytes(b"\0\0\r\n" + pack.read_bytes()[4:])
    tell = "import index, requests; print(type(requests.__loader__).__name__)"
    command = [sys.executable, "-S", "-B", "-c", tell]
    assert subprocess.check_output(command, env={"PYTHONPATH": str(other)}, text=True) == "SourceFileLoader\n"


def test_a_cold_start_opens_few_files_and_compiles_little(code: Path) -> None:
    """The rest is Python's own library, and what is imported before the pack."""
    counted = measure(code)
    assert counted["opened"] <= 110
    assert counted["compiled"] <= 60


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_cold_start_makes_few_system_calls(code: Path, tmp_path: Path) -> None:
    """Python's own are a quarter of them."""
    valkey = Valkey(tmp_path).start()
    try:
        with serve(Sandbox(qps=1_000_000).app()) as endpoint:
            assert count("strace", code, endpoint) <= 1500
            # A server that started less than 2 s ago may have forgotten promises, so its queue would open later.
            time.sleep(2)
            assert count("strace", code, endpoint, valkey.url) <= 1800
    finally:
        valkey.kill()


LOADED = """
import sys, index
index.initialize(None)
import json
print(json.dumps([m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)]))
"""


def test_it_starts_from_itself_alone_and_writes_nothing(code: Path) -> None:
    before = sorted(code.rglob("*"))
    command = [sys.executable, "-S", "-c", LOADED]
    done = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    loaded = [file for file in json.loads(done.stdout) if not file.startswith(f"{code}/")]
    assert loaded
    assert all(file.startswith(f"{sysconfig.get_path('stdlib')}/") for file in loaded)
    assert not any("site-packages" in file for file in loaded)
    assert sorted(code.rglob("*")) == before


def test_deferring_cannot_be_switched_off_where_parts_are_left_out(code: Path) -> None:
    environ = {"PYTHONPATH": str(code), "DEFER_IMPORTS": "off"}
    done = subprocess.run([sys.executable, "-S", "-c", "import index"], env=environ, capture_output=True, text=True)
    assert "only for a package that was built with DEFER_IMPORTS=off" in done.stderr


@pytest.mark.thorough
def test_a_package_for_another_runtime(tmp_path: Path) -> None:
    other = "python3.10" if RUNTIME != "python3.10" else "python3.12"
    with zipfile.ZipFile(build(other, tmp_path / "other.zip")) as archive:
        extensions = [name for name in archive.namelist() if name.endswith(".so")]
    version = other.removeprefix("python").replace(".", "")
    assert extensions
    assert all(f"cpython-{version}-x86_64-linux-gnu" in name or ".abi3" in name for name in extensions)
