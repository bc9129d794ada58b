"""The package's bytecode in one file, together with what Python would otherwise compile during imports.

Without it, a cold start searches several folders for each module and makes a dozen system calls for each one it finds.
A third of the computation that follows gives the same result every time: compiling regular expressions, and the source
text that dataclasses, named tuples and annotations generate. `deploy/pack.py` does this once, at packaging time, and
writes a record for each module: its code, and what was compiled during its import. Both are Python's own output.

The sources remain beside the pack, as do extensions and data: for tracebacks, for a Python of another version, and so
that deleting the pack disables it. Whatever is not in the pack is imported and compiled as usual.
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
# The modules that compile text during imports, and the built-in that each of them uses.
COMPILING = ((typing, "compile"), (dataclasses, "exec"), (collections, "eval"))
_AHEAD_BYTES = 64 * 1024


class Record(NamedTuple):
    """All that importing one module needs; marshal writes it as a plain tuple.

    The pack consists of FORMATS, the length of the index in 4 bytes, the index, and the records. For each module, the
    index has whether it is a package, the offset of its record after the index, and the record's length.
    """

    code: CodeType
    # Keyed by the text and how it is compiled: "eval" for an expression, "exec" for statements.
    texts: dict[tuple[str, str], CodeType]
    # Pattern and flags as given to `re.compile`; then the arguments of `_sre.compile`, with the program as bytes.
    patterns: Sequence[tuple[str | bytes, int, tuple[int, bytes, int, dict[str, int], tuple[str | None, ...]]]]


@cache
def use(folder: str) -> None:
    """From now on, import from the folder's pack if it has one for this Python."""
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
        self._ahead = memoryview(b"")
        self._ahead_from = 0

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._index:
            return None
        is_package, offset, size = self._index[fullname]
        place = f"{self._folder}/{fullname.replace('.', '/')}"
        # Submodules of a package of the same name elsewhere are elsewhere too.
        if path is not None and os.path.dirname(place) not in path:
            return None
        file = f"{place}/__init__.py" if is_package else f"{place}.py"
        loader = _Loader(fullname, file, partial(self._bytes, offset, size))
        parts = [place] if is_package else None
        spec = spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=parts)
        if spec is not None:
            spec.cached = self._file
        return spec

    def _bytes(self, offset: int, size: int) -> memoryview:
        """A record's bytes, read with those that follow: records are in the order of their first imports."""
        at = offset - self._ahead_from
        if not 0 <= at <= len(self._ahead) - size:
            self._ahead = memoryview(os.pread(self._pack, max(size, _AHEAD_BYTES), self._start + offset))
            self._ahead_from, at = offset, 0
        return self._ahead[at : at + size]


class _Loader(SourceFileLoader):
    """Python's own loader, which finds sources and data, but with bytecode from the pack."""

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
    """Within this block, text that was compiled in advance is not compiled again."""

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
