"""`python -m bench.instructions`: the instructions of a process that answers once, which do not depend on timing.

Needs valgrind, which counts them.
"""

import re
import tempfile
from pathlib import Path
from shutil import which

from bench.packages import OURS, run_child, unpack
from local.sandbox import Sandbox
from local.serve import serve


def main() -> None:
    """Print one line for each package."""
    valgrind = which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind is not installed; it counts the instructions")
    counting = (valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    with tempfile.TemporaryDirectory() as temporary, serve(Sandbox(qps=1_000_000).app()) as endpoint:
        printed = {
            name: run_child(folder, endpoint, 0, 0, *counting) for name, folder in unpack(Path(temporary)).items()
        }
    counted = {name: _millions(text) for name, text in printed.items()}
    for name, millions in counted.items():
        print(f"{name}: {millions:,.0f} million, {counted[OURS] / millions:.2f}")


def _millions(printed: str) -> float:
    """The number that valgrind printed as `I refs: 1,234`, in millions."""
    found = re.search(r"I\s+refs:\s+([0-9,]+)", printed)
    assert found, printed
    return int(found[1].replace(",", "")) / 1e6


if __name__ == "__main__":
    main()
