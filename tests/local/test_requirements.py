"""`make run` and `make invoke` work with what requirements.txt installs."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

_REFUSE = """
import sys
class Refuse:
    def find_spec(name, path, target=None):
        if name in refused:
            raise ModuleNotFoundError(name)
refused = set(sys.argv.pop().split(","))
sys.meta_path.insert(0, Refuse)
import local.__main__
sys.argv[1:] = ["invoke", "events/direct.json"]
sys.exit(local.__main__.main())
"""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_stand_ins_need_only_what_the_function_needs() -> None:
    pinned = Path("requirements.txt").read_text().splitlines()
    installed = {_normal(line.partition("==")[0]) for line in pinned if "==" in line}
    found = packages_distributions()
    refused = {module for module, owners in found.items() if installed.isdisjoint(map(_normal, owners))}
    assert {"jwt", "pytest", "yaml"} <= refused
    environ = {"PYTHONPATH": "src:."}
    command = [sys.executable, "-c", _REFUSE, ",".join(refused)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
