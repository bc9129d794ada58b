"""Python's own library, without a search: its bytecode is opened where it must be.

Python looks for a module in each folder of `sys.path`, and checks its bytecode against its source: a dozen system calls
for each of 150 modules. A runtime's library does not change, so its bytecode needs no check; extensions are in one
folder. Whatever is in neither place is imported as usual, such as all modules of a runtime without bytecode.
"""

import marshal
import os
import sys

# importlib.machinery and importlib.util re-export these. Importing those and typing first takes 120 system calls more.
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, PathFinder, SourceFileLoader, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

_FOLDER = os.path.dirname(os.__file__)
_EXTENSIONS = f"{_FOLDER}/lib-dynload"
_TAG = sys.implementation.cache_tag
# The magic number, flags, and what identifies the source. Source: PEP 552.
_HEADER_BYTES = 16


def use() -> None:
    """From now on, import Python's own modules without a search."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _Finder())


class _Finder:
    def __init__(self) -> None:
        self._extensions = _names(_EXTENSIONS)

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None", target: "ModuleType | None" = None
    ) -> ModuleSpec | None:
        """Find a module of Python's own library; None if it is none, or has no bytecode there."""
        if fullname in self._extensions:
            return PathFinder.find_spec(fullname, [_EXTENSIONS])
        package, _, name = fullname.rpartition(".")
        folder = f"{_FOLDER}/{package.replace('.', '/')}" if package else _FOLDER
        if fullname.partition(".")[0] not in sys.stdlib_module_names or (package and folder not in (path or ())):
            return None
        place = f"{folder}/{name}"
        if (bytecode := _read(f"{folder}/__pycache__/{name}.{_TAG}.pyc")) is not None:
            return spec_from_file_location(fullname, f"{place}.py", loader=_Loader(fullname, f"{place}.py", bytecode))
        if (bytecode := _read(f"{place}/__pycache__/__init__.{_TAG}.pyc")) is not None:
            file = f"{place}/__init__.py"
            loader = _Loader(fullname, file, bytecode)
            return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=[place])
        return None


class _Loader(SourceFileLoader):
    """Python's own loader, with bytecode that has been read already, and is kept only until its first use."""

    def __init__(self, fullname: str, path: str, bytecode: bytes) -> None:
        super().__init__(fullname, path)
        self._bytecode: bytes | None = bytecode

    def get_code(self, fullname: str) -> "CodeType | None":
        bytecode, self._bytecode = self._bytecode, None
        if bytecode is None:
            return super().get_code(fullname)
        code: CodeType = marshal.loads(memoryview(bytecode)[_HEADER_BYTES:])  # noqa: S302 - Python's own
        return code


def _names(folder: str) -> frozenset[str]:
    """The modules that have a file in the folder; none if there is no such folder."""
    try:
        return frozenset(file.partition(".")[0] for file in os.listdir(folder))
    except OSError:
        return frozenset()


def _read(file: str) -> bytes | None:
    """The file's content; None if it does not exist, or is for another Python."""
    try:
        opened = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        content = os.read(opened, os.fstat(opened).st_size)
    finally:
        os.close(opened)
    return content if content.startswith(MAGIC_NUMBER) else None
