"""What makes the packaged function start fast, and nothing else: a step of the packager (docs/coldstart.md)."""

import shutil
from pathlib import Path

_BEGIN = "import coldstart; coldstart.begin()"
_END = "coldstart.end()"


def add(folder: Path) -> None:
    """Add coldstart.py to the package's code, and let index.py use it; its lines keep their numbers."""
    shutil.copyfile(Path(__file__).with_name("packed.py"), folder / "coldstart.py")
    index = folder / "index.py"
    begun = index.read_text().replace("\n\n", f"\n{_BEGIN}\n", 1)
    index.write_text(f"{begun}\n{_END}\n")
