"""`python -m bench.hits`: what a cache hit costs, bytes in to answer out, beside parsing and writing the same JSON.

The ratio to that JSON is what this function adds to what no function can avoid; a slow machine slows down both.
"""

import json
import tempfile
from pathlib import Path

from bench.packages import run_child, unpack_ours
from local.sandbox import Sandbox
from local.serve import serve
from local.valkey import Valkey


def main() -> None:
    """Measure the package, and print a table of the medians of the rounds."""
    with tempfile.TemporaryDirectory() as temporary, serve(Sandbox(qps=1_000_000).app()) as endpoint:
        folder = unpack_ours(Path(temporary))
        valkey = Valkey(Path(temporary)).start()
        try:
            printed = run_child(folder, endpoint, 60, 0, redis_url=valkey.url, script="hits_child.py")
        finally:
            valkey.kill()
    print("| cache hit | us | of bare JSON | KB sent |\n| --- | --- | --- | --- |")
    for what, (call, bare, kilobytes) in json.loads(printed.splitlines()[-1]).items():
        print(f"| {what} | {call:.0f} | {call / bare:.2f} | {kilobytes:.1f} |")


if __name__ == "__main__":
    main()
