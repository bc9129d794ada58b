"""Builds dist/cams-qr-VERSION-RUNTIME.zip reproducibly, of src/ and the pinned packages, for one of the runtimes.

On any machine, the packages are those for Linux on x86-64. Bytecode is compiled in advance and never checked against
its source: the code's folder may be read-only in Function Compute, and every cold start would compile everything again.
A step of its own makes it start faster (coldstart/); `--plain` leaves it out.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from cams_qr import __version__
from deploy import coldstart
from deploy.coldstart.deferred import LEFT_OUT
from deploy.coldstart.pack import CODE_FOLDER
from deploy.install import HASHES, applies, environment, install, read_requirements

ROOT = Path(__file__).parent.parent
FILES = ROOT / "deploy" / "files.txt"
_DISTRIBUTIONS = {"websocket": "websocket-client"}
_NEEDLESS_SUFFIXES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".hpp", ".rst"}
_NEEDLESS_NAMES = {
    "tests",
    "test",
    "__pycache__",
    "bin",
    "py.typed",
    "RECORD",
    "direct_url.json",
    "INSTALLER",
    "REQUESTED",
    "WHEEL",
}
# Parts of packages that nothing here imports.
_UNUSED = ("share", "pydantic/v1", "pydantic/mypy.py", "urllib3/contrib/emscripten")
# Modules whose imports cover every invocation; those after the first are needed only for Redis or a drawing.
_IMPORTING = ("cams_qr.instance", "cams_qr.redis_store", "cams_qr.permits.account", "cams_qr.events.http.drawing")


def main() -> None:
    """Build the package, and print what is in it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.package", description=__doc__)
    parser.add_argument("--runtime", choices=["python3.10", "python3.12"], default="python3.10")
    parser.add_argument("--plain", action="store_true", help="without what makes it start faster")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    out = options.out or default_path(options.runtime, options.plain)
    print(describe(build(options.runtime, out, plain=options.plain)))


def default_path(runtime: str, plain: bool = False) -> Path:
    """Where the package for `runtime` is built."""
    return ROOT / "dist" / f"cams-qr-{__version__}-{runtime}{'-plain' if plain else ''}.zip"


def build(
    runtime: str,
    out: Path,
    source: Path = ROOT / "src",
    files: Path = FILES,
    requirements: Path = ROOT / "requirements.txt",
    hashes: Path = HASHES,
    plain: bool = False,
) -> Path:
    """Write the zip for `runtime` to `out`; unless `plain`, without packages that are never used.

    The first block of `requirements` is what the source imports itself. Of `source`, only what `files` lists is
    packaged; of packages, only what has its hash in `hashes`. Raises SystemExit, with a sentence, if one has not, and
    CalledProcessError if the result cannot be imported; the output says why.
    """
    version = runtime.removeprefix("python")
    python = python_of(version)
    if python is None:
        print(f"Python {version} is not installed, so the package has no bytecode and cold starts are slower.")
        plain = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "code")
        installed = install(version, requirements, hashes, folder, Path(temporary))
        imported, _ = read_requirements(requirements)
        _keep_only(imported, folder, environment(version), () if plain else LEFT_OUT)
        _prune(folder)
        (folder / "sbom.json").write_text(_bill_of_materials(folder, installed))
        _copy(source, files, folder)
        if not plain:
            coldstart.add(folder)
        if python is not None:
            _compile(python, folder, plain)
        out.parent.mkdir(parents=True, exist_ok=True)
        _zip(folder, out)
    return out


def describe(package: Path) -> str:
    """The package's size, hash and largest parts."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            sizes[entry.filename.partition("/")[0]] += entry.compress_size
        files, bytecode = len(archive.namelist()), sum(name.endswith(".pyc") for name in archive.namelist())
    lines = [f"  {size / 1e6:5.2f} MB  {name}" for name, size in sizes.most_common(8)]
    lines.append(f"  {sum(dict(sizes.most_common()[8:]).values()) / 1e6:5.2f} MB  {len(sizes) - 8} others")
    total = f"{package.stat().st_size / 1e6:.2f} MB, {files} files, {bytecode} of them bytecode"
    return "\n".join([f"{package.name}: {total}", *lines, f"sha256 {content_hash(package)}"])


def content_hash(package: Path) -> str:
    """The file's SHA-256 in hex."""
    return hashlib.sha256(package.read_bytes()).hexdigest()


def _copy(source: Path, files: Path, folder: Path) -> None:
    """Copy what is listed, and name what is not: it may be somebody's notes or secrets, or have been forgotten."""
    listed = files.read_text().splitlines()
    for name in listed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    found = [path.relative_to(source) for path in source.rglob("*") if not path.is_dir()]
    for path in sorted(found):
        if path.as_posix() not in listed and "__pycache__" not in path.parts:
            print(f"Not packaged, because {files.name} does not list it: {path}", file=sys.stderr)


def _bill_of_materials(folder: Path, installed: Mapping[str, str]) -> str:
    """The package's contents as CycloneDX, with the hashes of the files that pip installed; without a timestamp."""
    found = sorted((canonicalize_name(d.metadata["Name"]), d.version) for d in distributions(path=[str(folder)]))
    components = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": installed[f"{name}=={version}"]}],
        }
        for name, version in found
    ]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    return json.dumps(bill, indent=1)


def _keep_only(
    imported: Sequence[Requirement], folder: Path, environment: Mapping[str, str], left_out: Sequence[str]
) -> None:
    """Remove all packages except the imported ones and what they need; remove those in `left_out` in any case.

    Raises SystemExit if a needed one is not there.
    """
    unwanted = {canonicalize_name(_DISTRIBUTIONS.get(package, package)) for package in left_out}
    installed = {canonicalize_name(d.metadata["Name"]): d for d in distributions(path=[str(folder)])}
    needed: set[NormalizedName] = set()
    waiting = [canonicalize_name(requirement.name) for requirement in imported]
    while waiting:
        name = waiting.pop()
        if name not in needed and name not in unwanted:
            if name not in installed:
                sys.exit(f"No package was built: requirements.txt does not pin {name}, which is imported or needed.")
            needed.add(name)
            waiting += _needs(installed[name], environment)
    for name, distribution in installed.items():
        if name not in needed:
            _remove(distribution, folder)


def _needs(distribution: Distribution, environment: Mapping[str, str]) -> list[NormalizedName]:
    requirements = map(Requirement, distribution.requires or [])
    return [canonicalize_name(r.name) for r in requirements if applies(r.marker, environment)]


def _remove(distribution: Distribution, folder: Path) -> None:
    for file in distribution.files or []:
        path = folder / file
        if folder in path.resolve().parents:
            path.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Remove what is never imported: tests, caches, stubs, sources of extensions, console scripts."""
    for unused in map(folder.joinpath, _UNUSED):
        shutil.rmtree(unused) if unused.is_dir() else unused.unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and (path.name in _NEEDLESS_NAMES or not any(path.iterdir())):
            shutil.rmtree(path)
        elif path.is_file() and (path.suffix in _NEEDLESS_SUFFIXES or path.name in _NEEDLESS_NAMES):
            path.unlink()


def _compile(python: str, folder: Path, plain: bool) -> None:
    # Bytecode contains sets in the order of their hashes.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    if not plain:
        # This imports the result if this machine can run it, since an SDK may need a package that was left out.
        run_here = (sys.platform, platform.machine()) == ("linux", "x86_64")
        pack = [python, "-S", "-B", "-m", "deploy.coldstart.pack", *(_IMPORTING if run_here else ())]
        subprocess.run(pack, check=True, env=environment, cwd=folder)
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", CODE_FOLDER]
    files = [folder] if plain else [folder / "index.py", folder / "coldstart.py"]
    subprocess.run([python, "-m", "compileall", *options, *files], check=True, env=environment)


def python_of(version: str) -> str | None:
    """An interpreter of that minor version on this machine, or None."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    found = subprocess.run([ROOT / "deploy" / "find-python", version], capture_output=True, text=True, check=True)
    return found.stdout.strip() or None


def _zip(folder: Path, out: Path) -> None:
    """Zip the folder, sorted and with one date and mode for all files, so that the same files give the same bytes."""
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
