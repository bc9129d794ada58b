"""What the SDK imports for other uses is imported only when used; each test has its own process."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from cams_qr.cams.sdk import libraries

DEFERRED = set(libraries.DEFERRED)
STAND_INS = """
import sys
import index
import cams_qr.redis_store
import cams_qr.cams.sdk.libraries
from cams_qr.imports.deferred import StandIn
cams_qr.cams.sdk.libraries.default_credentials_provider()
found = {f"{module}.{name}": value for module, loaded in list(sys.modules.items()) if loaded
         for name, value in vars(loaded).items() if isinstance(value, StandIn)}
"""
# Imported by Python's own modules, on some versions.
OF_PYTHON = ("subprocess", "uu")
NO_METADATA = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


def loaded(names: Iterable[str]) -> str:
    return f"print([name for name in {sorted(names)} if name in sys.modules])"


def run(code: str, **environ: str) -> str:
    environment = {"PYTHONPATH": f"src:{Path(__file__).parent / 'libraries'}", **environ}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_deferred_is_imported() -> None:
    assert run(f"import sys, index; {loaded(libraries.DEFERRED)}") == "[]"


def test_everything_is_imported_where_deferring_is_off() -> None:
    names = run(f"import sys, index, cams_qr.redis_store; {loaded(DEFERRED)}", DEFER_IMPORTS="off")
    assert [name for name in DEFERRED if f"'{name}'" not in names and name not in OF_PYTHON] == []
    assert run("from cams_qr.cams.sdk.libraries import LEFT_OUT; print(LEFT_OUT)", DEFER_IMPORTS="off") == "()"


def test_every_stand_in_is_the_real_thing_when_it_is_used() -> None:
    touch = """
for name, stand_in in found.items():
    real = stand_in._real()
    print(name, stand_in._module, getattr(real, "__module__", None))
"""
    lines = [line.split(" ") for line in run(STAND_INS + touch, **NO_METADATA).splitlines()]
    assert "cams_qr.imports.deferred" not in {real for _, _, real in lines}
    touched = {name: module for name, module, _ in lines}
    for name in (
        "darabonba.core.aiohttp",
        "urllib3.poolmanager.HTTPConnectionPool",
        "alibabacloud_tea_openapi.utils.hashes",
    ):
        assert name in touched
    untouched = [name for name in DEFERRED if not any(f"{of}.".startswith(f"{name}.") for of in touched.values())]
    # Whoever needs idna imports it by then, and who needs the others is deferred itself.
    assert [name for name in untouched if name not in (*OF_PYTHON, "idna", "redis.asyncio", "websocket")] == []


def test_the_deferred_parts_of_the_sdk_work() -> None:
    signing = """
from alibabacloud_tea_openapi.utils import rsa_sign
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
key = generate_private_key(65537, 2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
import base64
print(len(rsa_sign(b"text", base64.b64encode(key).decode())))
"""
    assert run("import cams_qr.cams.sdk.libraries" + signing) == "256"


@pytest.mark.parametrize("library", ["makes_a_subclass", "makes_a_call", "decorates", "tests_it", "can_do_without"])
def test_what_cannot_wait_is_told(library: str) -> None:
    code = f"""
from cams_qr.imports.deferred import NeededWhileImporting, deferring
try:
    with deferring("deferred_library"):
        import {library}
except NeededWhileImporting as error:
    print(error)
"""
    assert run(code).startswith("deferred_library.Thing is deferred, but needed while importing")


def test_what_is_imported_afterwards_is_real() -> None:
    code = """
from cams_qr.imports.deferred import deferring
with deferring("deferred_library"):
    import uses_it
import deferred_library
print(type(deferred_library).__name__, isinstance(deferred_library.Thing(), uses_it.Thing), uses_it.part.NAME)
"""
    assert run(code) == "module True part"
