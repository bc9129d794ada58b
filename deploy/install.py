"""Installs what a package holds. Nothing is installed, and nobody's code runs, unless deploy/hashes.txt has its hash.

pip enforces that. It takes wheels only, because an archive of source runs its own setup.py. Where the vendor ships no
wheel, one is built from the archive in an environment that has nothing but pip and setuptools, which have hashes too;
nothing else that the archive may ask for is fetched.
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HASHES = Path(__file__).parent / "hashes.txt"
TOOLS = Path(__file__).parent.parent / "requirements-build.txt"
ANY_WHEEL = ("--only-binary", ":all:")
ANY_ARCHIVE = ("--no-binary", ":all:")
# Without the cache, since pip would reuse a wheel that was built some other way.
_BUILD = (*ANY_ARCHIVE, "--no-cache-dir", "--use-pep517", "--no-build-isolation", "--check-build-dependencies")
# The python3.10 runtime is built on Debian 10, which has glibc 2.28.
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
# Published as source only; they are pure Python.
_ARCHIVES_ONLY = {"alibabacloud-tea"}


def install(version: str, requirements: Path, hashes: Path, folder: Path, temporary: Path) -> dict[str, str]:
    """Install into `folder` what the runtime needs; returns by `name==version` the SHA-256, in hex, of what it was.

    Raises SystemExit, with a sentence, if a file has no hash, another one, or cannot be had.
    """
    known = _read_hashes(hashes)
    tools = temporary / "tools"
    venv.create(tools, symlinks=True)
    site = next(tools.glob("lib/*/site-packages"))
    _pip(sys.executable, *ANY_WHEEL, "--target", site, "-r", _listed(pins(TOOLS), known, temporary))
    wheels, archives = pinned_for(version, requirements)
    files: dict[str, str] = {}
    report = temporary / "report.json"
    for pinned, options in ((wheels, wheel_options(version)), (archives, _BUILD)):
        if pinned:
            listed = _listed(pinned, known, temporary)
            _pip(tools / "bin" / "python", *options, "--target", folder, "--report", report, "-r", listed)
            files |= dict(map(_installed, json.loads(report.read_text())["install"]))
    return files


def pinned_for(version: str, requirements: Path) -> tuple[list[str], list[str]]:
    """What applies to the runtime, as `name==version`: what has wheels, and what has archives only."""
    imported, brought_along = read_requirements(requirements)
    wheels: list[str] = []
    archives: list[str] = []
    for requirement in imported + brought_along:
        if applies(requirement.marker, environment(version)):
            is_archive = canonicalize_name(requirement.name) in _ARCHIVES_ONLY
            (archives if is_archive else wheels).append(_pin(requirement))
    return wheels, archives


def pins(requirements: Path) -> list[str]:
    """All of the first block, as `name==version`."""
    return [_pin(requirement) for requirement in read_requirements(requirements)[0]]


def read_requirements(requirements: Path) -> tuple[list[Requirement], list[Requirement]]:
    """The two blocks of requirements.txt: what the source imports, and what those packages need."""
    first, _, second = requirements.read_text().partition("\n\n")
    imported, brought_along = (
        [Requirement(line) for line in block.splitlines() if line and not line.startswith("#")]
        for block in (first, second)
    )
    return imported, brought_along


def wheel_options(version: str) -> list[str]:
    """pip's options for wheels that run in Function Compute, whatever machine this is."""
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    return [*platforms, "--python-version", version, "--implementation", "cp", *ANY_WHEEL]


def environment(version: str) -> dict[str, str]:
    """The runtime's values for environment markers in requirements."""
    return {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def applies(marker: Marker | None, environment: Mapping[str, str]) -> bool:
    """Whether a requirement with this marker is one in that environment."""
    return marker is None or marker.evaluate(dict(environment))


def _pin(requirement: Requirement) -> str:
    return f"{canonicalize_name(requirement.name)}{requirement.specifier}"


def _read_hashes(file: Path) -> dict[str, list[str]]:
    lines = [line.split() for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {pinned: hashes for pinned, *hashes in lines}


def _listed(pinned: Sequence[str], hashes: Mapping[str, Sequence[str]], temporary: Path) -> Path:
    file = temporary / "requirements.txt"
    file.write_text("\n".join(" ".join([one, *hashes.get(one, [])]) for one in pinned))
    return file


def _pip(python: str | Path, *options: str | Path) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    exactly = ["--require-hashes", "--no-deps", "--no-compile"]
    # Neither pip nor an archive's setup.py imports anything from here.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if subprocess.run([*command, *exactly, *options], env=outside).returncode:
        sys.exit(
            "No package was built: pip, which says above why, did not get exactly the files that requirements.txt and"
            f" {TOOLS.name} pin and deploy/hashes.txt has the hashes of."
        )


def _installed(entry: Mapping[str, Any]) -> tuple[str, str]:
    """An entry of pip's report: https://pip.pypa.io/en/stable/reference/installation-report/"""
    metadata = entry["metadata"]
    hashes = entry["download_info"]["archive_info"]["hashes"]
    return f"{canonicalize_name(metadata['name'])}=={metadata['version']}", hashes["sha256"]
