"""Python's own modules are imported as usual, only without a search; each test has processes of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULES = ["decimal", "email.message", "encodings.idna", "json.decoder", "urllib.request", "xml.dom.minidom"]
EXTENSIONS = ["_json", "_sqlite3", "math"]
DESCRIBE = """
import importlib, json, sys
def describe(name):
    spec = importlib.import_module(name).__spec__
    return {
        "name": spec.name, "origin": spec.origin, "cached": spec.cached, "parent": spec.parent,
        "folders": spec.submodule_search_locations and list(spec.submodule_search_locations),
        "source": hasattr(spec.loader, "get_source") and spec.loader.get_source(name),
        "attributes": sorted(vars(sys.modules[name])),
    }
print(json.dumps({name: describe(name) for name in sys.argv[1:]}))
"""
OPENED = """
import sys
opened = []
sys.addaudithook(lambda event, details: opened.append(details[0]) if event == "open" else None)
import xml.dom.minidom
print(len(opened), len({name for name in sys.modules if name.startswith("xml")}))
"""


def run(text: str, *arguments: str, use: bool = True, **environment: str) -> Any:
    begin = "from cams_qr.imports import standard; standard.use()\n" if use else ""
    command = [sys.executable, "-S", "-B", "-c", begin + text, *arguments]
    environ = {"PYTHONPATH": str(Path("src").resolve()), **environment}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_are_the_same() -> None:
    names = [*MODULES, *EXTENSIONS]
    assert json.loads(run(DESCRIBE, *names)) == json.loads(run(DESCRIBE, *names, use=False))


def test_each_module_is_opened_once() -> None:
    opened, modules = map(int, run(OPENED).split())
    # For a package, it looks for a module of that name first.
    assert opened <= 2 * modules


def test_a_module_of_the_same_name_in_another_package_is_not_python_s(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").touch()
    (tmp_path / "library" / "json.py").write_text("OURS = True")
    path = os.pathsep.join([str(Path("src").resolve()), str(tmp_path)])
    assert run("from library import json; print(json.OURS)", PYTHONPATH=path) == "True\n"


def test_a_traceback_shows_the_source() -> None:
    text = "import json, traceback\ntry: json.loads('x')\nexcept ValueError: print(traceback.format_exc())"
    shown = run(text)
    assert f'File "{Path(json.__file__).parent / "decoder.py"}"' in shown
    assert "raise JSONDecodeError" in shown


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without bytecode of its own."""
    library = Path(os.__file__).parent
    home = tmp_path_factory.mktemp("home")
    ignored = shutil.ignore_patterns("__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib")
    shutil.copytree(library, home / "lib" / library.name, ignore=ignored, copy_function=os.symlink)
    return home


def test_a_library_without_bytecode_is_compiled(home: Path) -> None:
    described = json.loads(run(DESCRIBE, *MODULES, PYTHONHOME=str(home)))
    assert all(module["origin"].startswith(str(home)) for module in described.values())


def test_bytecode_of_another_python_is_not_used(home: Path) -> None:
    folder = home / "lib" / Path(os.__file__).parent.name
    (folder / "__pycache__").mkdir()
    other = folder / "__pycache__" / f"colorsys.{sys.implementation.cache_tag}.pyc"
    other.write_bytes(b"another Python's")
    assert run("import colorsys; print(colorsys.__file__)", PYTHONHOME=str(home)) == f"{folder}/colorsys.py\n"
