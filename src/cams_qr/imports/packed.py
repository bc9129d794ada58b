"""The whole package's bytecode in one file, and with it what Python would compile while importing.

A cold start looks for each module in several folders, and asks the system a dozen questions for each that it finds.
A third of what it then computes is the same every time: the code of dataclasses, named tuples and annotations, which
these are given as text, and regular expressions. `deploy/pack.py` computes that when it packages, and writes a record
for each module: its code, and what was compiled while it was imported. Both are what Python itself makes of them.

The sources stay beside the pack, for tracebacks, for a Python that it was not made for, and for whoever switches it off
by deleting it; so do extensions and data. What is not in the pack is imported, and compiled, as always.
"""

import _sre  # type: ignore[import-not-found]
import builtins
import collections
import dataclasses
import marshal
import os
import re
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from types import CodeType, ModuleType
from typing import Any, NamedTuple

NAME = "bytecode.pack"
# The formats of bytecode and of regular expressions, which change with Python's minor version.
FORMATS = MAGIC_NUMBER + _sre.MAGIC.to_bytes(4, "little")
# Who compiles text while importing, and with which of Python's functions.
COMPILING = ((typing, "compile"), (dataclasses, "exec"), (collections, "eval"))


class Record(NamedTuple):
    """What importing one module takes; marshal writes it as a plain tuple.

    The pack is FORMATS, the length of the index in 4 bytes, the index, and the records. The index tells for each module
    whether it is a package, where its record begins after the index, and its length.
    """

    code: CodeType
    # By the text and whether it is an expression ("eval") or statements ("exec").
    texts: dict[tuple[str, str], CodeType]
    # Pattern and flags as given to `re.compile`; then what `_sre.compile` is given, with the program as bytes.
    patterns: Sequence[tuple[str | bytes, int, tuple[int, bytes, int, dict[str, int], tuple[str | None, ...]]]]


@cache
def use(folder: str) -> None:
    """Import from the folder's pack from now on, if it has one for this Python."""
    try:
        pack = os.open(os.path.join(folder, NAME), os.O_RDONLY)
    except OSError:
        return
    start = len(FORMATS) + 4
    if os.pread(pack, len(FORMATS), 0) != FORMATS:
        os.close(pack)
        return
    size = int.from_bytes(os.pread(pack, 4, len(FORMATS)), "little")
    index = marshal.loads(os.pread(pack, size, start))  # noqa: S302 - as good as the sources beside it
    sys.meta_path.insert(0, _Finder(folder, pack, start + size, index))


class _Finder(MetaPathFinder):
    def __init__(self, folder: str, pack: int, start: int, index: Mapping[str, tuple[bool, int, int]]) -> None:
        self._folder = folder
        self._file = os.path.join(folder, NAME)
        self._pack = pack
        self._start = start
        self._index = index

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._index:
            return None
        is_package, offset, size = self._index[fullname]
        place = f"{self._folder}/{fullname.replace('.', '/')}"
        # Of a package of the same name elsewhere, the parts are elsewhere too.
        if path is not None and os.path.dirname(place) not in path:
            return None
        file = f"{place}/__init__.py" if is_package else f"{place}.py"
        loader = _Loader(fullname, file, partial(os.pread, self._pack, size, self._start + offset))
        parts = [place] if is_package else None
        spec = spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=parts)
        if spec is not None:
            spec.cached = self._file
        return spec


class _Loader(SourceFileLoader):
    """As Python's own, which finds the package's data and sources; but for where bytecode comes from."""

    def __init__(self, fullname: str, path: str, read: Any) -> None:
        super().__init__(fullname, path)
        self._read = read

    def get_code(self, fullname: str) -> CodeType:
        return self._record().code

    def exec_module(self, module: ModuleType) -> None:
        record = self._record()
        for pattern, flags, (compiled_flags, program, *groups) in record.patterns:
            steps = memoryview(program).cast("I").tolist()
            compiled = _sre.compile(pattern, compiled_flags, steps, *groups)
            vars(re)["_cache"][type(pattern), pattern, flags] = compiled
        if record.texts:
            with _compiled(record.texts):
                exec(record.code, vars(module))  # noqa: S102 - what an import is
        else:
            exec(record.code, vars(module))  # noqa: S102

    def _record(self) -> Record:
        return Record(*marshal.loads(self._read()))  # noqa: S302


@contextmanager
def _compiled(texts: Mapping[tuple[str, str], CodeType]) -> Iterator[None]:
    """Within this block those who compile text get what was compiled already."""

    def compile_text(text: Any, filename: str, mode: str) -> Any:
        return texts.get((text, mode)) or builtins.compile(text, filename, mode, dont_inherit=True)

    def exec_text(text: Any, *scopes: Any) -> None:
        exec(texts.get((text, "exec"), text), *scopes)  # noqa: S102

    def eval_text(text: Any, *scopes: Any) -> Any:
        return eval(texts.get((text, "eval"), text), *scopes)  # noqa: S307

    replaced = {"compile": compile_text, "exec": exec_text, "eval": eval_text}
    before = [vars(module).get(name) for module, name in COMPILING]
    for module, name in COMPILING:
        setattr(module, name, replaced[name])
    try:
        yield
    finally:
        for (module, name), function in zip(COMPILING, before, strict=True):
            if function is None:
                delattr(module, name)
            else:
                setattr(module, name, function)
