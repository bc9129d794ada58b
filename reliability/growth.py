"""What a process holds, and by how much it has grown."""

import ctypes
import gc
import os
import threading
from pathlib import Path


def held() -> dict[str, int]:
    """Threads, file descriptors, and kilobytes of memory, once everything unused has been released."""
    gc.collect()
    # How much freed memory malloc keeps differs from run to run.
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "kilobytes": pages * 4,
    }


def grown_since(before: dict[str, int]) -> dict[str, int]:
    """How much more is held now."""
    return {name: value - before[name] for name, value in held().items()}
