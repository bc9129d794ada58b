"""The step that makes packages start faster, on a small library; tests/package/ has what holds for the real package."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import coldstart
from deploy.coldstart.deferred import defer
from deploy.package import ROOT

LIBRARY = {
    "index.py": '"""The entry point."""\n\nimport library\n',
    "library/__init__.py": '''
"""Kept."""
import collections, enum, re
from dataclasses import dataclass, field

@dataclass(frozen=True, order=True)
class Size:
    width: "int" = 1
    tags: list = field(default_factory=list)

class Colour(enum.IntFlag):
    RED = 1

Point = collections.namedtuple("Point", "x y")
NAME = re.compile(r"(?P<first>[^\\W\\d_]+)(x)?", re.IGNORECASE)
BYTES = re.compile(rb"(?:a|b){2,}")
''',
    "library/fails.py": '"""Its lines."""\n\n\ndef fail(number: int) -> None:\n    raise ValueError\n',
    "library/data.txt": "data",
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    for name, text in LIBRARY.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    coldstart.add(folder)
    command = [sys.executable, "-S", "-B", "-m", "deploy.coldstart.pack", "library"]
    subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=True)
    return folder


def run(code: Path, text: str) -> str:
    command = [sys.executable, "-S", "-B", "-W", "ignore", "-c", text]
    done = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TELL = """
import index, library
print(library.Size(1), library.Size(1, []) < library.Size(2, []), library.Size.__annotations__, library.Colour.RED)
print(library.NAME.fullmatch("ÉTÉX").groupdict(), library.NAME.flags, library.BYTES.findall(b"abcdabb"))
print(library.Point(1, 2), library.__doc__, library.__file__)
"""


def test_what_is_packed_is_what_the_source_says(code: Path, tmp_path: Path) -> None:
    assert run(code, "import index, library; print(type(library.__loader__).__name__)") == "_Loader"
    plain = shutil.copytree(code, tmp_path / "plain")
    (plain / "index.py").write_text(LIBRARY["index.py"])
    assert run(code, TELL).replace(str(code), str(plain)) == run(plain, TELL)


def test_nothing_of_it_is_compiled(code: Path) -> None:
    """Python tells an audit hook of each text that it compiles, and of no pattern."""
    count = """
import sys, re, dataclasses, collections, enum
import coldstart
compiled = []
compiler = sys.modules.get("re._compiler") or sys.modules["sre_compile"]
before = compiler.compile
compiler.compile = lambda *args: compiled.append(args) or before(*args)
sys.addaudithook(lambda event, details: compiled.append(details) if event == "compile" else None)
coldstart.begin()
import library
# The text of a named tuple is one of the few that are.
print([details for details in compiled if b"lambda _cls" not in (details[0] or b"")])
"""
    assert run(code, count) in ("[]", "[(None, '<string>')]")


def test_who_compiles_afterwards_is_not_touched(code: Path) -> None:
    later = "import index, dataclasses, gc; print(dataclasses.exec is exec, gc.isenabled())"
    assert run(code, later) == "True True"


def test_lines_and_data_are_those_of_the_source(code: Path) -> None:
    tell = """
import index, library.fails, traceback, importlib.resources, inspect
try:
    library.fails.fail(1)
except ValueError as error:
    frame = traceback.extract_tb(error.__traceback__)[-1]
print(frame.filename, frame.lineno, frame.name, importlib.resources.files("library").joinpath("data.txt").read_text())
print(inspect.getsource(library.fails.fail).splitlines()[0], inspect.getsource(index).count("import library"))
"""
    assert run(code, tell).splitlines() == ["/code/library/fails.py 5 fail data", "def fail(number: int) -> None: 1"]


def test_a_package_of_that_name_elsewhere_stays_whole(code: Path, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").touch()
    (tmp_path / "library" / "fails.py").write_text("HERE = True")
    tell = f"""
import sys, coldstart
sys.path.insert(0, {os.fspath(tmp_path)!r})
import library
coldstart.begin()
import library.fails
print(library.fails.HERE)
"""
    assert run(code, tell) == "True"


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package whose import can be seen, with a module in it."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "__init__.py").write_text(
        "class Error(Exception): pass\nclass Base: pass\ndef same(it): return it\n"
    )
    (tmp_path / "slow" / "part.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("slow", "slow.part"):
        sys.modules.pop(name, None)


DEFERRED = {
    "import": "import slow\ndef use(): return slow.Error.__name__",
    "another name": "import slow as s\ndef use(): return s.Error.__name__",
    "a part": "import slow.part\ndef use(): return slow.part.VALUE",
    "from": "from slow import Error\ndef use(): return Error.__name__",
    "a part from": "from slow import part\ndef use(): return part.VALUE",
    "in a method": "import slow\nclass A:\n  def b(self) -> slow.Base: return slow.Error\ndef use(): return A().b()",
    "in an except": "from slow import Error\ndef use():\n  try: raise Error\n  except Error: return 1",
    "in a lambda": "import slow\nuse = lambda: slow.Error",
    "beside others": "import os, slow\nos.sep\ndef use(): return os.sep, slow.Error",
}
AT_ONCE = {
    "a base": "from slow import Base\nclass A(Base): pass\ndef use(): pass",
    "a default": "import slow\ndef use(x=slow.Base): pass",
    "a decorator": "from slow import same\n@same\ndef use(): pass",
    "a statement": "import slow\nslow.Error\ndef use(): pass",
    "another binding": "import slow\ndef use(slow=1): return slow",
    "a capture": "import slow\ndef use():\n  match 1:\n    case slow: return slow",
    "all": "from slow import *\ndef use(): return Error",
}


def imported(source: str) -> tuple[bool, object, bool]:
    """Whether importing the module imports the package; what `use` returns; whether that is what it is otherwise."""
    tree = ast.parse(f'"""Doc."""\nfrom __future__ import annotations\n{source}')
    defer(tree, "", ["slow"])
    scope: dict[str, object] = {"__name__": "user"}
    exec(compile(tree, "user.py", "exec"), scope)
    at_once = "slow" in sys.modules
    used = scope["use"]()  # type: ignore[operator]
    plain: dict[str, object] = {"__name__": "user"}
    exec(source, plain)
    return at_once, used, used == plain["use"]()  # type: ignore[operator]


@pytest.mark.parametrize("source", DEFERRED.values(), ids=DEFERRED)
@pytest.mark.usefixtures("slow")
def test_an_import_waits_until_it_is_used(source: str) -> None:
    at_once, _, is_same = imported(source)
    assert (at_once, is_same, "slow" in sys.modules) == (False, True, True)


@pytest.mark.parametrize("source", AT_ONCE.values(), ids=AT_ONCE)
@pytest.mark.usefixtures("slow")
def test_an_import_that_is_needed_at_once_stays(source: str) -> None:
    assert imported(source)[0]


def test_others_find_a_deferred_name_in_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ast.parse("import colorsys")
    defer(tree, "", ["colorsys"])
    scope: dict[str, object] = {"__name__": "user"}
    exec(compile(tree, "user.py", "exec"), scope)
    find = scope["__getattr__"]
    assert find("colorsys") is __import__("colorsys")  # type: ignore[operator]
    with pytest.raises(AttributeError, match="'user' has no attribute 'other'"):
        find("other")  # type: ignore[operator]
