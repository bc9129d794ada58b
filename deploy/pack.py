"""Write a package's pack of bytecode, which `cams_qr/imports/packed.py` describes. It is reproducible to the byte.

`python deploy/pack.py FOLDER MODULE...` must run on the Python version that the package is for, with no packages but
those in the folder. It imports the modules to record what is compiled meanwhile; without any, cold starts compile it.
"""

import ast
import builtins
import importlib
import marshal
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

# The code's folder on Function Compute, as tracebacks name it.
CODE_FOLDER = "/code"


def main() -> None:
    """Record and compile."""
    folder, modules = sys.argv[1], sys.argv[2:]
    sys.path[0] = folder
    recorder = Recorder(folder)
    recorder.install()
    for module in modules:
        importlib.import_module(module)
    from cams_qr.imports import packed

    index, records, end = {}, [], 0
    for name, path in sorted(_modules(Path(folder)), key=recorder.place):
        patterns = sorted(recorder.patterns[name], key=repr)
        records.append(_written(packed.Record(_bytecode(path, folder), recorder.texts[name], patterns)))
        index[name] = (path.name == "__init__.py", end, len(records[-1]))
        end += len(records[-1])
    head = marshal.dumps(index)
    whole = b"".join([packed.FORMATS, len(head).to_bytes(4, "little"), head, *records])
    Path(folder, packed.NAME).write_bytes(whole)


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
        inner = [getattr(value, name) for name in dir(value) if name.startswith("co_") and name != "co_lnotab"]
    elif isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, (tuple, list, frozenset)):
        inner = value
    for part in inner:
        if not callable(part):
            yield from _parts(part)


class Recorder:
    """Records the order in which imports begin, and what Python compiles during each."""

    def __init__(self, folder: str) -> None:
        self.texts: dict[str, dict[tuple[str, str], CodeType]] = defaultdict(dict)
        self.patterns: dict[str, list[Any]] = defaultdict(list)
        self._places: dict[str, int] = {}
        self._folder = folder

    def install(self) -> None:
        """Record from now on."""
        from cams_qr.imports.packed import COMPILING

        recording = {"compile": self._compile, "exec": self._exec, "eval": self._eval}
        for module, name in COMPILING:
            setattr(module, name, recording[name])
        sys.meta_path.insert(0, self)
        re.purge()
        self._record_patterns()

    def find_spec(self, name: str, *_: Any) -> None:
        """Find nothing, but note that the import of a module begins."""
        self._places.setdefault(name, len(self._places))

    def place(self, module: tuple[str, Path]) -> tuple[int, tuple[str, Path]]:
        """For sorting: modules that were imported, in this order, before all others by name."""
        return self._places.get(module[0], len(self._places)), module

    def _text(self, text: Any, mode: str) -> Any:
        code = builtins.compile(text, "<string>", mode, dont_inherit=True)
        if isinstance(text, str):
            self.texts[self._importing()][text, mode] = code
        return code

    def _compile(self, text: Any, filename: str, mode: str) -> Any:
        return self._text(text, mode)

    def _exec(self, text: Any, *scopes: Any) -> None:
        builtins.exec(self._text(text, "exec"), *scopes)

    def _eval(self, text: Any, *scopes: Any) -> Any:
        return builtins.eval(self._text(text, "eval"), *scopes)

    def _record_patterns(self) -> None:
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

    def _importing(self) -> str:
        """The innermost module of the folder that is being imported; "" if there is none."""
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            at_top = frame.f_code.co_name == "<module>"
            if at_top and str(frame.f_globals.get("__file__", "")).startswith(f"{self._folder}/"):
                return str(frame.f_globals["__name__"])
        return ""


def _modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """All modules except the entry point, which the platform loads from its file."""
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if all(part.isidentifier() for part in parts) and parts != ("index",):
            yield ".".join(parts).removesuffix(".__init__"), path


def _bytecode(path: Path, folder: str) -> CodeType:
    tree = ast.parse(path.read_bytes())
    relative = path.relative_to(folder)
    # Docstrings of this project are part of its answers, as descriptions in OpenAPI.
    if relative.parts[0] != "cams_qr":
        _Slimmer().visit(tree)
    code: CodeType = compile(tree, f"{CODE_FOLDER}/{relative}", "exec", dont_inherit=True)
    return code


class _Slimmer(ast.NodeTransformer):
    """Removes what only people and type checkers read: docstrings, overloads, annotations of functions.

    A decorated class keeps its docstring, since a dataclass would generate another one.
    """

    def visit_Module(self, node: ast.Module) -> Any:
        return self._slim(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return self.generic_visit(node) if node.decorator_list else self._slim(node)

    def visit_FunctionDef(self, node: Any) -> Any:
        if any(isinstance(one, ast.Name) and one.id == "overload" for one in node.decorator_list):
            return None
        node.returns = None
        return self._slim(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def _slim(self, node: Any) -> Any:
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body.pop(0)
        node.body = node.body or [ast.Pass(lineno=getattr(node, "lineno", 1), col_offset=0)]
        return node


if __name__ == "__main__":
    main()
