"""Deferred imports: stand-ins for modules that a library imports but this function never uses.

Within `deferring(...)`, importing one of the named modules returns a stand-in, and so does taking a name from it.
Afterwards, using a stand-in imports the real module. During the import, whatever needs the real module at once (a
subclass, a call or a test of a stand-in) fails immediately; only a package's version is known without importing it.

Limitation: a name imported with `from module import name` does not equal the real object, is not identical to it, and
cannot be used in `except`.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Union, cast

# `DEFER_IMPORTS=off` imports everything.
ON = os.environ.get("DEFER_IMPORTS") != "off"


class NeededWhileImporting(Exception):
    """A deferred module cannot be deferred. Not an ImportError, since libraries catch those of optional modules."""


@contextmanager
def deferring(*modules: str) -> Iterator[None]:
    """Defer these modules and their submodules, except those already imported. No other thread may import meanwhile.

    Raises NeededWhileImporting if an import within the block needs one of them at once.
    """
    finder = _Finder({name for name in modules if ON and name not in sys.modules})
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, StandIn)]:
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and isinstance(getattr(sys.modules[parent], child, None), StandIn):
                delattr(sys.modules[parent], child)
        finder.importing = False


class StandIn:
    """A module, or a name in one, that is imported when it is used."""

    def __init__(self, finder: "_Finder", module: str, *names: str) -> None:
        self._finder = finder
        self._module = module
        self._names = names

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and not self._names:
            return self._version()
        if name.startswith("__"):
            raise AttributeError(name)
        if self._finder.importing:
            return StandIn(self._finder, self._module, *self._names, name)
        return getattr(self._real(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __bool__(self) -> bool:
        return bool(self._real())

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._real())

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007 - which asks this

    __ror__ = __or__

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (cast(type, self._real()),)

    def _version(self) -> Any:
        # It is part of the name of its metadata's folder (PyPA, "Recording installed projects"); importlib.metadata
        # takes 10 ms to find it.
        folder = re.compile(rf"{self._module}-([^-]+)\.dist-info")
        for path in filter(os.path.isdir, sys.path):
            for found in filter(None, map(folder.fullmatch, os.listdir(path))):
                return found[1]
        return self._real().__version__

    def _real(self) -> Any:
        if self._finder.importing:
            path = ".".join((self._module, *self._names))
            raise NeededWhileImporting(f"{path} is deferred, but needed while importing; do not defer it")
        found: Any = self._finder.load(self._module)
        for name in self._names:
            # As `from package import name` does: an attribute, or else a submodule.
            if not hasattr(found, name):
                importlib.import_module(f"{found.__name__}.{name}")
            found = getattr(found, name)
        return found


class _Finder(MetaPathFinder, Loader):
    def __init__(self, modules: set[str]) -> None:
        self.importing = True
        self._modules = modules
        self._created: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(f"{fullname}.".startswith(f"{module}.") for module in self._modules):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._created.append(spec.name)
        return cast(ModuleType, StandIn(self, spec.name))

    def exec_module(self, module: ModuleType) -> None:
        pass

    def load(self, module: str) -> ModuleType:
        """Import the real module."""
        try:
            return importlib.import_module(module)
        except ImportError:
            # Modules that import each other may have to be imported in the library's own order.
            for earlier in self._created[: self._created.index(module)]:
                if earlier.partition(".")[0] == module.partition(".")[0]:
                    importlib.import_module(earlier)
            return importlib.import_module(module)
