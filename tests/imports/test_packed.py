"""Packed modules behave as if imported from source, with nothing compiled; each test has its own processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import deploy.pack

COMPILES = """
import re
from collections import namedtuple
from dataclasses import dataclass
from typing import TypedDict
Point = namedtuple("Point", "x y")
@dataclass(order=True)
class Size:
    "Kept, for it is decorated."
    width: int = 1
class Shape(TypedDict):
    size: "Size"
NAME = re.compile(r"(?P<first>[a-zé]+) (?P<last>\\w+)", re.I | re.X)
BYTES = re.compile(b"[^a]{2,3}")
"""
PACKAGE = {
    "library/__init__.py": '"""Not kept."""\nfrom __future__ import annotations\nfrom library.part import *\n',
    "library/part.py": COMPILES,
    "library/data.txt": "data",
    "library/fails.py": '"""Not kept."""\n\n\ndef fail():\n    """Not kept."""\n\n\n    raise ValueError\n',
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "cams_qr").symlink_to(Path("src/cams_qr").resolve())
    command = [sys.executable, "-S", "-B", deploy.pack.__file__, str(folder), "library"]
    subprocess.run(command, env={"PYTHONPATH": str(folder)}, check=True)
    return folder


def run(code: Path, text: str) -> str:
    use = f"from cams_qr.imports import packed; packed.use({str(code)!r}); "
    command = [sys.executable, "-S", "-B", "-c", use + text]
    done = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_compiled(code: Path) -> None:
    """Python tells an audit hook of each text that it compiles, and of no pattern."""
    count = """
import sys, re
compiled = []
sys.addaudithook(lambda event, details: compiled.append(details) if event == "compile" else None)
compiler = sys.modules.get("re._compiler") or sys.modules["sre_compile"]
before = compiler.compile
compiler.compile = lambda *args: compiled.append(args) or before(*args)
import library
print(compiled)
"""
    assert run(code, count) == "[]"


def test_it_is_what_the_source_says(code: Path) -> None:
    tell = """
import library
print(library.Point(1, 2), library.Size() < library.Size(2), library.Shape.__annotations__)
print(library.NAME.fullmatch("ÉTÉX").groupdict(), library.NAME.flags, library.BYTES.findall(b"abcdabb"))
print(library.Size.__doc__, library.__doc__, library.part.__file__)
"""
    assert "_Loader" in run(code, "import library.part; print(type(library.part.__loader__))")
    packed = run(code, tell)
    (code / "bytecode.pack").rename(code / "put aside")
    try:
        assert run(code, tell).replace("Not kept.", "None") == packed
    finally:
        (code / "put aside").rename(code / "bytecode.pack")


def test_who_compiles_afterwards_is_not_touched(code: Path) -> None:
    tell = """
import library, collections, dataclasses, typing
print([m.__name__ for m in (collections, dataclasses, typing) if {"compile", "exec", "eval"} & set(vars(m))])
"""
    assert run(code, tell) == "[]"


def test_tracebacks_name_lines_and_data_is_found(code: Path) -> None:
    tell = """
import library.fails, traceback, importlib.resources, inspect
try:
    library.fails.fail()
except ValueError as error:
    frame = traceback.extract_tb(error.__traceback__)[-1]
print(frame.filename, frame.lineno, frame.name)
print(importlib.resources.files("library").joinpath("data.txt").read_text(), len(inspect.getsource(library.fails)))
"""
    expected = f"/code/library/fails.py 8 fail\ndata {len(PACKAGE['library/fails.py'])}"
    assert run(code, tell) == expected


def test_the_same_package_elsewhere_stays_whole(code: Path, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").write_text("")
    (tmp_path / "library" / "part.py").write_text("HERE = True")
    tell = f"""
import sys
finder = sys.meta_path.pop(0)
sys.path.insert(0, {os.fspath(tmp_path)!r})
import library
sys.meta_path.insert(0, finder)
import library.part
print(library.part.HERE)
"""
    assert run(code, tell) == "True"
