"""The pictures in docs/screenshots."""

import re
from pathlib import Path

PICTURES = Path("docs/screenshots")


def test_each_is_linked_and_each_link_is_one() -> None:
    links = re.findall(r"\(screenshots/(.*?)\)", Path("docs/web.md").read_text())
    assert sorted(links) == sorted(str(file.relative_to(PICTURES)) for file in PICTURES.rglob("*.png"))


def test_they_are_small_enough_for_a_repository() -> None:
    assert sum(file.stat().st_size for file in PICTURES.rglob("*.png")) < 2_000_000
