"""Who may import whom, read from the source without running it."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import CODE

ROOMS = ("events", "cams", "permits", "cache")
SDK = {"alibabacloud_credentials", "alibabacloud_credentials_api", "alibabacloud_tea_openapi", "darabonba", "requests"}


def modules() -> dict[str, set[str]]:
    """Each module's name, and the names of all it imports, be it in a function or for its types."""
    files = {_name(file): file for file in Path(CODE, "cams_qr").rglob("*.py")} | {"index": Path(CODE, "index.py")}
    return {name: set(_imports(ast.parse(file.read_text()), files)) for name, file in files.items()}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(CODE).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.Module, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in files else node.module


IMPORTS = modules()


def importing(*targets: str) -> set[str]:
    """The modules that import one of the targets, or a part of one."""
    return {name for name, imported in IMPORTS.items() if any(_is_in(one, targets) for one in imported)}


def outside(names: set[str], *rooms: str) -> set[str]:
    """Those of the names that are in none of the rooms."""
    return {name for name in names if not _is_in(name, rooms)}


def _is_in(name: str, rooms: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", ROOMS)
def test_only_the_house_enters_a_room(room: str) -> None:
    entering = outside(importing(f"cams_qr.{room}"), f"cams_qr.{room}")
    assert entering <= {"cams_qr.instance", "cams_qr.service", "index"}


def test_the_service_knows_nothing_of_events() -> None:
    assert "cams_qr.service" not in importing("cams_qr.events")


def test_only_events_know_http() -> None:
    assert not outside(importing("cams_qr.events.http"), "cams_qr.events")


def test_only_the_room_of_cams_knows_the_sdk() -> None:
    assert importing(*SDK)
    assert not outside(importing(*SDK, "Tea", "urllib3"), "cams_qr.cams")


def test_only_permits_the_cache_and_the_store_know_redis() -> None:
    who_know = importing("redis", "cams_qr.redis_store")
    assert "cams_qr.redis_store" in who_know
    # The instance makes the store that they are given.
    assert not outside(who_know - {"cams_qr.instance"}, "cams_qr.permits", "cams_qr.cache", "cams_qr.redis_store")
    assert "cams_qr.instance" not in importing("redis")


def test_the_entry_points_only_wire() -> None:
    assert {name for name in IMPORTS["index"] if _is_in(name, ("cams_qr",))} == {"cams_qr.instance"}


def test_no_import_goes_in_circles() -> None:
    ours = {name: {one for one in imported if one in IMPORTS} for name, imported in IMPORTS.items()}
    assert len(list(TopologicalSorter(ours).static_order())) == len(IMPORTS)


def test_the_function_knows_nothing_of_what_deploys_serves_or_tests_it() -> None:
    assert not importing("deploy", "local", "tests", "testing", "tools", "reliability", "bench")
