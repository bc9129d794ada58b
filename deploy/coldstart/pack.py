"""Compiles a package's modules into `bytecode.pack`, which packed.py imports from. It is reproducible to the byte.

`python -m deploy.coldstart.pack MODULE...` must run in the package's folder, on the Python version that the package is
for, with no packages but those in the folder. It imports the modules to record what is compiled meanwhile.
"""

import ast
import builtins
import importlib
import marshal
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

from deploy.coldstart.deferred import DEFERRED, defer
from deploy.coldstart.packed import NAME, Record

# The code's folder on Function Compute, as tracebacks name it.
CODE_FOLDER = "/code"
_CODE_FIELDS = [name for name in dir(CodeType) if name.startswith("co_") and name != "co_lnotab"]
_exec = exec
# This project, whose imports are as the source says.
_OURS = "cams_qr"


def main() -> None:
    """Compile; then import the modules from the result, and compile again with what was recorded."""
    folder = Path.cwd()
    recorder = Recorder(str(folder))
    _write(folder, recorder)
    importlib.import_module("coldstart").begin()
    recorder.install()
    for module in sys.argv[1:]:
        importlib.import_module(module)
    _write(folder, recorder)


def _write(folder: Path, recorder: "Recorder") -> None:
    index, records, end = {}, [], 0
    for path in sorted(_modules(folder)):
        relative = path.relative_to(folder)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        patterns = sorted(recorder.patterns[name], key=repr)
        records.append(_written(Record(_bytecode(path, relative), patterns, recorder.texts[name])))
        index[name] = (path.name == "__init__.py", end, len(records[-1]))
        end += len(records[-1])
    head = marshal.dumps(index)
    Path(folder, NAME).write_bytes(b"".join([len(head).to_bytes(4, "little"), head, *records]))


def _modules(folder: Path) -> Iterator[Path]:
    """All modules except those at the start, which are loaded from their files."""
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if all(map(str.isidentifier, parts)) and parts not in (("index",), ("coldstart",)):
            yield path


@cache
def _bytecode(path: Path, relative: Path) -> CodeType:
    tree = ast.parse(path.read_bytes())
    if relative.parts[0] != _OURS:
        defer(tree, ".".join(relative.parts[:-1]), DEFERRED)
    code: CodeType = compile(tree, f"{CODE_FOLDER}/{relative}", "exec", dont_inherit=True)
    return code


def _written(record: Any) -> bytes:
    # marshal marks objects with more than one reference. Whether another module or one of Python's caches also refers
    # to a name differs from run to run; so every object gets a second reference here.
    held = list(_parts(tuple(record)))
    written = marshal.dumps(held[0])
    del held
    return written


def _parts(value: Any) -> Iterator[Any]:
    yield value
    inner: Any = ()
    if isinstance(value, CodeType):
        inner = [getattr(value, name) for name in _CODE_FIELDS]
    elif isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, (tuple, list, frozenset)):
        inner = value
    for part in inner:
        if not callable(part):
            yield from _parts(part)


class Recorder:
    """Records what Python compiles while it imports each module of a folder."""

    def __init__(self, folder: str) -> None:
        self.texts: dict[str, dict[str, CodeType]] = defaultdict(dict)
        self.patterns: dict[str, list[Any]] = defaultdict(list)
        self._folder = folder

    def install(self) -> None:
        """Record from now on."""
        builtins.exec = self._exec
        re.purge()
        compiler: Any = getattr(re, "_compiler", None) or importlib.import_module("sre_compile")
        compile_pattern, engine = compiler.compile, compiler._sre

        def make(pattern: Any, flags: int, program: list[int], *groups: Any) -> Any:
            made.append((int(flags), b"".join(int(step).to_bytes(4, sys.byteorder) for step in program), *groups))
            return engine.compile(pattern, flags, program, *groups)

        def record(pattern: Any, flags: int = 0) -> Any:
            compiled = compile_pattern(pattern, flags)
            self.patterns[self._importing()].append((pattern, int(flags), made.pop()))
            return compiled

        made: list[Any] = []
        compiler._sre = SimpleNamespace(**{**vars(engine), "compile": make})
        compiler.compile = record

    def _exec(self, text: Any, *scopes: Any) -> None:
        code = text
        if isinstance(text, str) and scopes:
            code = self.texts[self._importing()][text] = compile(text, "<string>", "exec", dont_inherit=True)
        _exec(code, *scopes)

    def _importing(self) -> str:
        """The innermost module of the folder that is being imported; "" if there is none."""
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            at_top = frame.f_code.co_name == "<module>"
            if at_top and str(frame.f_globals.get("__file__", "")).startswith(f"{self._folder}/"):
                return str(frame.f_globals["__name__"])
        return ""


if __name__ == "__main__":
    main()
