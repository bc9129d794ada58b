"""The zip that is deployed: its contents, and that builds are reproducible; PACKAGE names one that is already built."""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from cams_qr import __version__
from deploy.coldstart.deferred import DEFERRED, LEFT_OUT
from deploy.install import HASHES
from deploy.package import build, content_hash, default_path, describe
from local.valkey import Valkey
from testing.footprint import measure

RUNTIME = "python{}.{}".format(*sys.version_info)
PACKAGE = os.environ.get("PACKAGE")
# Until the first answer, those of Python's own library included.
MODULES, MODULES_WITH_REDIS = 400, 440


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


def test_its_bill_of_materials_names_all_that_is_in_it_with_known_hashes(code: Path) -> None:
    bill = json.loads((code / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {f"{component['name']}=={component['version']}": component for component in bill["components"]}
    assert set(named) == {
        f"{canonicalize_name(d.metadata['Name'])}=={d.version}" for d in distributions(path=[str(code)])
    }
    known = {pinned: hashes for pinned, *hashes in map(str.split, HASHES.read_text().splitlines())}
    for pinned, component in named.items():
        assert f"--hash=sha256:{component['hashes'][0]['content']}" in known[pinned]
    assert "pydantic==2.14.3" in named


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
    listing = "import sys, coldstart; coldstart.begin(); print(*sys.meta_path[0]._modules)"
    return set(run(code, listing).split())


def run(code: Path, text: str, **environ: str) -> str:
    """What a process with nothing but the package prints."""
    command = [sys.executable, "-S", "-B", "-W", "ignore", "-c", text]
    done = subprocess.run(command, env={"PYTHONPATH": str(code), **environ}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_packed_names_its_source(code: Path) -> None:
    tell = """
import index, inspect, certifi, os, requests.models as module
print(module.__file__, module.__spec__.origin, module.Request.__init__.__code__.co_filename)
print(type(module.__loader__).__name__, "class Request" in inspect.getsource(module), os.path.isfile(certifi.where()))
"""
    file = f"{code}/requests/models.py"
    assert run(code, tell).splitlines() == [f"{file} {file} /code/requests/models.py", "_Loader True True"]


def test_a_start_imports_nothing_deferred(code: Path) -> None:
    """Nor does it with Redis and a drawing, except for what redis-py cannot do without."""
    tell = f"""
import sys, index
index.initialize(None)
print([name for name in {DEFERRED} if name in sys.modules])
import cams_qr.redis_store, cams_qr.events.http.drawing
print([name for name in {DEFERRED} if name in sys.modules and not name.startswith("redis.")])
"""
    assert run(code, tell).splitlines() == ["[]", "[]"]


def test_a_cold_start_loads_few_modules_and_a_hundred_calls_make_one_connection(code: Path, tmp_path: Path) -> None:
    modules, connections = measure(code)
    assert (modules <= MODULES, connections) == (True, 1)
    valkey = Valkey(tmp_path).start()
    try:
        assert measure(code, valkey.url)[0] <= MODULES_WITH_REDIS
    finally:
        valkey.kill()


def test_after_the_start_everything_is_real(code: Path) -> None:
    """What the SDK, requests and pydantic imported, and what was deferred: the same objects as anybody else's."""
    tell = """
import index
index.initialize(None)
import asyncio, decimal, enum, ipaddress, logging, uuid, xml.etree.ElementTree, zoneinfo
from datetime import datetime
import darabonba.core, pydantic, requests, urllib3
class Model(pydantic.BaseModel):
    id: uuid.UUID
    price: decimal.Decimal
    address: ipaddress.IPv4Address
    zone: zoneinfo.ZoneInfo
made = Model(id=str(uuid.UUID(int=1)), price="1.50", address="10.0.0.1", zone="UTC")
assert [type(value) for value in dict(made).values()][:3] == [uuid.UUID, decimal.Decimal, ipaddress.IPv4Address]
assert made.model_dump_json().count("1.50") == 1 and Model.model_json_schema()["properties"]["id"]["format"] == "uuid"
assert asyncio.run(asyncio.sleep(0, "slept")) == "slept"
assert darabonba.core.asyncio is asyncio
assert urllib3.HTTPResponse is __import__("urllib3.response").response.HTTPResponse
assert requests.compat.chardet.from_bytes("é".encode()).best() is not None
assert decimal.Decimal(1) / 3 and datetime.now(zoneinfo.ZoneInfo("UTC")).tzinfo
logging.basicConfig(format="%(message)s", force=True)
logging.getLogger("requests").error("logged")
try:
    darabonba.core.aiohttp
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code, tell) == "No module named 'aiohttp'\n"


STOPPED = """
import logging, os, signal, sys, threading, time
logging.basicConfig(format="%(message)s", stream=sys.stdout)
def stop(*_):
    logging.error("stopping")
    sys.stdout.flush()
    os._exit(143)
signal.signal(signal.SIGTERM, stop)
threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGTERM)).start()
import index
index.initialize(None)
time.sleep(20)
"""


def test_a_start_can_be_stopped_at_any_moment(code: Path) -> None:
    """The platform's runtime logs and exits when it gets SIGTERM."""
    for moment in range(1, 25):
        command = [sys.executable, "-S", "-B", "-W", "ignore", "-c", STOPPED, str(moment * 0.01)]
        done = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, timeout=15)
        assert done.returncode == 143, done.stderr
        assert done.stdout == "stopping\n"


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


@pytest.mark.thorough
def test_a_package_for_another_runtime(tmp_path: Path) -> None:
    other = "python3.10" if RUNTIME != "python3.10" else "python3.12"
    with zipfile.ZipFile(build(other, tmp_path / "other.zip")) as archive:
        extensions = [name for name in archive.namelist() if name.endswith(".so")]
    version = other.removeprefix("python").replace(".", "")
    assert extensions
    assert all(f"cpython-{version}-x86_64-linux-gnu" in name or ".abi3" in name for name in extensions)
