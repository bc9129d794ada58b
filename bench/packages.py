"""The packages to measure: this function's and its peers', all built, unpacked and run in the same way."""

import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.install import HASHES
from deploy.package import ROOT, build, python_of
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID

OURS = "ours"
PEERS = ("official_sdk", "bare_tea")
VERSION = "{}.{}".format(*sys.version_info)
_FOLDER = Path(__file__).parent / "peers"


def unpack(folder: Path) -> dict[str, Path]:
    """Build each package for this Python below `folder`, and unpack it; returns the code's folders by name."""
    return {OURS: unpack_ours(folder)} | {name: _unpack(_build_peer(name, folder)) for name in PEERS}


def unpack_ours(folder: Path) -> Path:
    """Build this function's package for this Python below `folder`, and unpack it; returns the code's folder."""
    return _unpack(build(f"python{VERSION}", folder / f"{OURS}.zip"))


def _unpack(package: Path) -> Path:
    folder = package.with_suffix("")
    zipfile.ZipFile(package).extractall(folder)
    return folder


def interpreter() -> str:
    """The runtime's own Python, not the virtual environment's, whose packages would be found too."""
    return str(Path(python_of(VERSION) or sys.executable).resolve())


def run_child(
    folder: Path,
    endpoint: str,
    cache_seconds: int,
    calls: int,
    *under: str,
    redis_url: str = "",
    script: str = "child.py",
) -> str:
    """Run a script of this folder on a package, optionally `under` another program; returns its standard error."""
    environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {
        "CAMS_ENDPOINT": endpoint,
        "CAMS_PROTOCOL": "HTTP",
        "CAMS_QPS": "1000",
        "CACHE_TTL_SECONDS": str(cache_seconds),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(folder),
        "REDIS_URL": redis_url,
    }
    return subprocess.run(
        [*under, interpreter(), "-S", "-W", "ignore", str(_FOLDER.parent / script), str(calls)],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    ).stderr


def _build_peer(name: str, folder: Path) -> Path:
    """A peer imports what its requirements.txt names, and has the same versions of dependencies as this function."""
    peer = _FOLDER / name
    requirements, hashes, files = (folder / f"{name}-{of}.txt" for of in ("requirements", "hashes", "files"))
    requirements.write_text(f"{(peer / 'requirements.txt').read_text()}\n{(ROOT / 'requirements.txt').read_text()}")
    hashes.write_text(f"{(_FOLDER / 'hashes.txt').read_text()}\n{HASHES.read_text()}")
    files.write_text("index.py\nrequirements.txt\n")
    return build(f"python{VERSION}", folder / f"{name}.zip", peer, files, requirements, hashes, plain=True)
