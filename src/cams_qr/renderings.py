"""Renderings of a cached result, kept beside it so that each is made only once."""

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

# What a rendering and its key take besides its text, measured with tracemalloc.
OVERHEAD_BYTES = 2048


class Rendering(Protocol):
    """Anything that knows its size in bytes."""

    @property
    def size(self) -> int: ...


R = TypeVar("R", bound=Rendering)


class Renderings:
    """The renderings of one result, of at most `max_bytes` together. One that would exceed this replaces all others."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._kept: dict[Hashable, Any] = {}

    def get_or_render(self, key: Hashable, render: Callable[[], R]) -> R:
        """The rendering under this key, rendered if there is none yet. Raises what `render` raises."""
        found: R | None = self._kept.get(key)
        if found is None:
            found = render()
            size = found.size + OVERHEAD_BYTES
            if self._bytes + size > self.max_bytes:
                self._kept.clear()
                self._bytes = 0
            if size <= self.max_bytes:
                self._kept[key] = found
                self._bytes += size
        return found
