"""Imports modules from `bytecode.pack`, which pack.py writes: one file instead of folders to search for each module.

With each module's bytecode, the pack has what Python would compile while it imports the module, always with the same
result: regular expressions, the methods of dataclasses, and functions that the module makes of text. Sources remain
beside the pack, as do extensions and data. What is not in the pack is imported and compiled as usual. In the package,
this is `coldstart.py`, which index.py uses first and last.
"""

import _sre  # type: ignore[import-not-found]
import dataclasses
import gc
import marshal
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any, NamedTuple

NAME = "bytecode.pack"


class Record(NamedTuple):
    """All that importing one module needs; marshal writes it as a plain tuple."""

    code: CodeType
    # Pattern and flags as given to `re.compile`; then the arguments of `_sre.compile`, with the program as bytes.
    patterns: Sequence[tuple[str | bytes, int, tuple[int, bytes, int, dict[str, int], tuple[str | None, ...]]]]
    # Texts that are executed, which are those of dataclasses' methods and the module's own, and their bytecode.
    texts: dict[str, CodeType]


def begin() -> None:
    """Begin the start: import from the pack, without garbage collection, which finds nothing then."""
    gc.disable()
    # There are none to search for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _read_pack(os.path.dirname(__file__)))


def end() -> None:
    """End the start: later collections need not look at what it created, since that stays."""
    gc.freeze()
    gc.enable()


def _read_pack(folder: str) -> "_Finder":
    """The finder for the folder's pack.

    The pack consists of the length of its index in 4 bytes, the index, and the records. For each module, the index has
    whether it is a package, and the offset and the length of its record.
    """
    pack = os.open(os.path.join(folder, NAME), os.O_RDONLY)
    start = 4 + int.from_bytes(os.pread(pack, 4, 0), "little")
    index = marshal.loads(os.pread(pack, start - 4, 4))

    def read(module: str) -> Record:
        _, offset, size = index[module]
        return Record(*marshal.loads(os.pread(pack, size, start + offset)))

    return _Finder(folder, {module: entry[0] for module, entry in index.items()}, read)


class _Finder(MetaPathFinder):
    def __init__(self, folder: str, modules: dict[str, bool], read: Callable[[str], Record]) -> None:
        self._folder = folder
        self._modules = modules
        self._read = read

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        place = f"{self._folder}/{fullname.replace('.', '/')}"
        # Submodules of a package of the same name elsewhere are elsewhere too.
        if path is not None and os.path.dirname(place) not in path:
            return None
        is_package = self._modules[fullname]
        file = f"{place}/__init__.py" if is_package else f"{place}.py"
        parts = [place] if is_package else None
        loader = _Loader(fullname, file, self._read)
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=parts)


class _Loader(SourceFileLoader):
    """Python's own loader, which finds sources and data, but with bytecode from the pack."""

    def __init__(self, fullname: str, path: str, read: Callable[[str], Record]) -> None:
        super().__init__(fullname, path)
        self._read = read

    def get_code(self, fullname: str) -> CodeType:
        return self._read(fullname).code

    def exec_module(self, module: ModuleType) -> None:
        record = self._read(module.__name__)
        for pattern, flags, (compiled_flags, program, *groups) in record.patterns:
            steps = memoryview(program).cast("I").tolist()
            vars(re)["_cache"][type(pattern), pattern, flags] = _sre.compile(pattern, compiled_flags, steps, *groups)
        if record.texts:
            _import_with_texts(record, module)
        else:
            exec(record.code, vars(module))


def _import_with_texts(record: Record, module: ModuleType) -> None:
    """Import a module whose texts are compiled already."""

    def exec_compiled(text: Any, *scopes: Any) -> None:
        exec(record.texts.get(text, text), *scopes)

    places = vars(dataclasses), vars(module)
    before = [place.get("exec", exec) for place in places]
    for place in places:
        place["exec"] = exec_compiled
    try:
        exec(record.code, vars(module))
    finally:
        for place, executing in zip(places, before, strict=True):
            place["exec"] = executing
