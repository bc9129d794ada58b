"""Only what is listed or has a known hash is packaged, and nobody else's code runs; from a package index of our own."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from deploy.hashes import hashes_of
from deploy.install import HASHES
from deploy.package import FILES, ROOT, build
from local.serve import serve

RUNTIME = "python{}.{}".format(*sys.version_info)
# The second is one of those that have no wheels.
WHEEL, ARCHIVE = "shipped-1.0", "alibabacloud-tea-1.0"


class Index:
    """Packages; what is required of them, and their hashes, by name, as they were when first published."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ran = folder, folder / "ran"
        self.required: dict[str, str] = {}
        self.hashes: dict[str, str] = {}

    def wheel(self, release: str = WHEEL, about: str = "", text: str = "") -> None:
        name, version = release.rsplit("-", 1)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            info = f"{release}.dist-info"
            archive.writestr(f"{name}/__init__.py", text)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{about}")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        self.publish(release, f"{release}-py3-none-any.whl", data.getvalue())

    def archive(self, release: str = ARCHIVE, needs: str = "'setuptools'", text: str = "") -> None:
        """Its setup.py writes a file, which shows that it ran."""
        name, version = release.rsplit("-", 1)
        setup = f"setuptools.setup(name='{name}', version='{version}', py_modules=['tea'])"
        files = {
            "setup.py": f"open({str(self.ran)!r}, 'w').close()\nimport setuptools\n{setup}",
            "pyproject.toml": f"[build-system]\nrequires = [{needs}]\nbuild-backend = 'setuptools.build_meta'",
            "tea.py": text,
        }
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            for file, content in files.items():
                entry = tarfile.TarInfo(f"{release}/{file}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content.encode()))
        self.publish(release, f"{release}.tar.gz", data.getvalue())

    def publish(self, release: str, file: str, data: bytes) -> None:
        name, version = release.rsplit("-", 1)
        path = self.folder / "simple" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.required.setdefault(name, f"{name}=={version}")
        self.hashes.setdefault(name, f"{name}=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}")

    def requirements(self) -> Path:
        file = self.folder / "requirements.txt"
        file.write_text("\n".join(self.required.values()))
        return file

    def build(self, source: Path = ROOT / "src") -> zipfile.ZipFile:
        hashes, out = self.folder / "hashes.txt", self.folder / "function.zip"
        hashes.write_text("\n".join(self.hashes.values()))
        return zipfile.ZipFile(build(RUNTIME, out, source, FILES, self.requirements(), hashes, plain=True))


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What builds wheels, as the real index has it."""
    folder = tmp_path_factory.mktemp("tools")
    known = [line for line in HASHES.read_text().splitlines() if line.startswith(("pip==", "setuptools=="))]
    (folder / "pinned").write_text("\n".join(known))
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, "--dest", folder, "-r", folder / "pinned"], check=True)
    return list(folder.glob("*.whl"))


@pytest.fixture
def index(tmp_path: Path, tools: list[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    made = Index(tmp_path)
    for tool in tools:
        made.publish("-".join(tool.name.split("-")[:2]), tool.name, tool.read_bytes())
    made.required.clear()
    app = web.Application()
    app.router.add_static("/simple", tmp_path / "simple", show_index=True)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    with serve(app) as address:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://{address}/simple")
        monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
        yield made


def test_what_has_its_hash_is_packaged_and_its_bill_of_materials_has_the_hashes(index: Index) -> None:
    index.wheel()
    index.archive()
    package = index.build()
    assert {"shipped/__init__.py", "tea.py"} <= set(package.namelist())
    assert index.ran.exists()
    named = {
        f"{component['name']}=={component['version']} --hash=sha256:{component['hashes'][0]['content']}"
        for component in json.loads(package.read("sbom.json"))["components"]
    }
    assert named == {index.hashes["shipped"], index.hashes["alibabacloud-tea"]}


def _other_version(index: Index) -> None:
    index.required["shipped"] = "shipped==2.0"
    index.wheel("shipped-2.0")


def _needs_more_to_build(index: Index) -> None:
    index.archive("builder-1.0")
    del index.required["builder"], index.hashes["alibabacloud-tea"]
    index.archive(needs="'setuptools', 'builder'")


def _needs_more_to_run(index: Index) -> None:
    index.wheel("needed-1.0")
    del index.required["needed"], index.hashes["shipped"], index.required["alibabacloud-tea"]
    index.wheel(about="Requires-Dist: needed\n")


REFUSED = "pip, which says above why, did not get exactly the files that"
CHANGES: list[tuple[str, Callable[[Index], object], str]] = [
    ("no hashes", lambda index: index.hashes.clear(), REFUSED),
    ("an archive without", lambda index: index.hashes.pop("alibabacloud-tea"), REFUSED),
    ("a wheel without", lambda index: index.hashes.pop("shipped"), REFUSED),
    ("another archive", lambda index: index.archive(text="changed = True"), REFUSED),
    ("another wheel", lambda index: index.wheel(text="changed = True"), REFUSED),
    (
        "another setuptools",
        lambda index: index.hashes.update(setuptools=index.hashes["setuptools"][:-3] + "000"),
        REFUSED,
    ),
    ("another version", _other_version, REFUSED),
    ("a range of versions", lambda index: index.required.update(shipped="shipped>=1.0"), REFUSED),
    ("an archive in place of a wheel", lambda index: index.archive("shipping-1.0"), REFUSED),
    ("a build needs more", _needs_more_to_build, REFUSED),
    ("a package needs more", _needs_more_to_run, r"requirements\.txt does not pin needed, which is imported or needed"),
]


@pytest.mark.parametrize(("change", "told"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_no_package_is_built_and_nothing_has_run(change: Callable[[Index], object], told: str, index: Index) -> None:
    index.wheel()
    index.archive()
    change(index)
    with pytest.raises(SystemExit, match=f"No package was built: {told}"):
        index.build()
    assert not index.ran.exists()


def test_recording_hashes_runs_nothing(index: Index) -> None:
    index.wheel()
    index.archive()
    assert hashes_of(index.requirements()).splitlines()[1:] == sorted(index.hashes.values())
    assert not index.ran.exists()


def test_what_is_not_listed_is_not_packaged(index: Index, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    index.wheel()
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source)
    strays = [".env.production", "cams_qr/.index.py.swp", "cams_qr/spare.py"]
    for stray in strays:
        (source / stray).write_text("SECRET = 'secret'")
    package = index.build(source)
    built = {name for name in package.namelist() if "__pycache__" not in name}
    assert built == {
        *FILES.read_text().splitlines(),
        "sbom.json",
        "shipped/__init__.py",
        "shipped-1.0.dist-info/METADATA",
    }
    told = capfd.readouterr().err
    assert all(f"Not packaged, because files.txt does not list it: {stray}\n" in told for stray in strays)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_the_list_is_what_git_tracks() -> None:
    """If not: (cd src && git ls-files) > deploy/files.txt"""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert FILES.read_text() == tracked.stdout
