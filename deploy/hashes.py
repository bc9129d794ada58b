"""`python -m deploy.hashes`: write deploy/hashes.txt, the hashes of all that may be in a package.

For every runtime, from what the package index gives today. After a change of requirements.txt; look at what changed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from deploy.package import HASHES, ROOT, content_hash, pinned_for, pip_target, read_requirements

RUNTIMES = ("3.10", "3.12")
_HEADING = "# What a package may be made of; made by `python -m deploy.hashes`.\n"


def main() -> None:
    """Download, hash, and write."""
    imported, brought_along = read_requirements(ROOT / "requirements.txt")
    hashes: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for version in RUNTIMES:
            wheels, sources = pinned_for(version, imported + brought_along)
            _download(temporary, [*pip_target(version), *wheels])
            _download(temporary, ["--no-binary", ":all:", *sources])
        for file in Path(temporary).iterdir():
            hashes.setdefault(_pinned(file.name), set()).add(f"--hash=sha256:{content_hash(file)}")
    lines = [" ".join([pinned, *sorted(hashes[pinned])]) for pinned in sorted(hashes)]
    HASHES.write_text(_HEADING + "\n".join(lines) + "\n")


def _download(folder: str, what: list[str]) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *what], check=True)


def _pinned(file: str) -> str:
    """`name==version`, in the index's spelling of names."""
    name, version = parse_wheel_filename(file)[:2] if file.endswith(".whl") else parse_sdist_filename(file)
    return f"{name}=={version}"


if __name__ == "__main__":
    main()
