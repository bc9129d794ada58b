"""Renderings of a cached result, kept beside it so that each is made only once."""

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

# A list of 2,000 codes with all its drawings. Past that, the renderings of a result begin again from none.
MAX_BYTES = 4 * 1024 * 1024


class Rendering(Protocol):
    """Anything that knows its size in bytes."""

    @property
    def size(self) -> int: ...


R = TypeVar("R", bound=Rendering)


class Renderings:
    """The renderings of one result, of at most MAX_BYTES together; `grew` is called after each new one."""

    def __init__(self, grew: Callable[[], None] = lambda: None) -> None:
        self.size = 0
        self._grew = grew
        self._by_key: dict[Hashable, Any] = {}

    def once(self, key: Hashable, render: Callable[[], R]) -> R:
        """The rendering under this key, rendered if there is none yet. Raises what `render` raises."""
        found: R | None = self._by_key.get(key)
        if found is None:
            found = render()
            self._add(key, found)
        return found

    def _add(self, key: Hashable, rendering: Rendering) -> None:
        if self.size + rendering.size > MAX_BYTES:
            self._by_key.clear()
            self.size = 0
        if rendering.size <= MAX_BYTES:
            self._by_key[key] = rendering
            self.size += rendering.size
            self._grew()
