"""`python -m bench.instructions`: instructions and system calls until a process's first answer.

No machine's noise is in them. Needs valgrind for the first, and strace for the second.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from bench.packages import OURS, run_child, unpack
from local.sandbox import Sandbox
from local.serve import serve
from local.valkey import Valkey

# Of each program: its options, what it counts, and where it prints that.
COUNTERS = {
    "valgrind": (
        ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
        "million instructions",
        re.compile(r"I\s+refs:\s+([0-9,]+)"),
    ),
    "strace": (("-f", "-c", "-U", "calls,name"), "system calls", re.compile(r"([0-9]+)\s+total")),
}


def main() -> None:
    """Print one line for each package and count."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        serve(Sandbox(qps=1_000_000).app()) as endpoint,
    ):
        folders = unpack(Path(temporary))
        for program in COUNTERS:
            if which(program) is None:
                print(f"{program} is not installed: nothing counted with it.")
                continue
            # An empty Redis for each, which has run for a while when it is used.
            (redis_folder := Path(temporary, program)).mkdir()
            valkey = Valkey(redis_folder).start()
            try:
                counted = {name: count(program, folder, endpoint) for name, folder in folders.items()}
                counted["ours, with Redis"] = count(program, folders[OURS], endpoint, valkey.url)
            finally:
                valkey.kill()
            print("\n".join(_lines(COUNTERS[program][1], counted)))


def count(program: str, folder: Path, endpoint: str, redis_url: str = "") -> int:
    """What a program in COUNTERS counts of a package's process until its first answer."""
    options, _, where = COUNTERS[program]
    printed = run_child(folder, endpoint, 60, 0, program, *options, redis_url=redis_url)
    found = where.search(printed)
    assert found, printed
    return int(found[1].replace(",", ""))


def _lines(title: str, counted: dict[str, int]) -> Iterator[str]:
    for name, count in counted.items():
        shown = count / 1e6 if title.startswith("million") else count
        yield f"{name}: {shown:,.0f} {title}; ours is {counted[OURS] / count:.2f} of it"


if __name__ == "__main__":
    main()
