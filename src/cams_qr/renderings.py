"""Renderings of a cached result, kept beside it so that each is made only once."""

import sys
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

# Enough for a list of 2,000 codes and all its drawings. A rendering that would exceed it replaces all others.
MAX_BYTES = 8 * 1024 * 1024
# What a rendering and its key take besides their texts, measured with tracemalloc.
OVERHEAD_BYTES = 2048


class Rendering(Protocol):
    """Anything that knows its size in bytes."""

    @property
    def size(self) -> int: ...


R = TypeVar("R", bound=Rendering)


class Renderings:
    """The renderings of one result, of at most MAX_BYTES together.

    `on_size_change`, if set, is called with each change of their total size in bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self.on_size_change: Callable[[int], None] | None = None
        self._by_key: dict[Hashable, Any] = {}

    def get_or_render(self, key: tuple[Hashable, ...], render: Callable[[], R]) -> R:
        """The rendering under this key, rendered if there is none yet. Raises what `render` raises."""
        found: R | None = self._by_key.get(key)
        if found is None:
            found = render()
            self._add(key, found)
        return found

    def _add(self, key: tuple[Hashable, ...], rendering: Rendering) -> None:
        size = rendering.size + sum(map(sys.getsizeof, key)) + OVERHEAD_BYTES
        if size > MAX_BYTES:
            return
        before = self.size
        if before + size > MAX_BYTES:
            self._by_key.clear()
            self.size = 0
        self._by_key[key] = rendering
        self.size += size
        if self.on_size_change is not None:
            self.on_size_change(self.size - before)
