"""The documents say of settings, parameters, problems and defaults what the code and template.yml say."""

import re
from pathlib import Path
from typing import Any

import pytest

from cams_qr.problems import KINDS
from cams_qr.settings import Settings
from testing.template import REQUIRED, TEMPLATE, resolved

DOCUMENTS = {
    str(path): path.read_text() for path in (*sorted(Path().glob("*.md")), *sorted(Path("docs").glob("**/*.md")))
}
CALLING = DOCUMENTS["docs/calling.md"]
# Parameters that are explained elsewhere: the package, the function itself, who may call.
THE_FUNCTION = {
    *("CodeBucket", "CodeObject", "CodeChecksum", "FunctionName", "Runtime", "Timeout", "MemorySize", "Cpu"),
    *("MaxInstances", "HttpAuth", "JwtConfig", "LogDays"),
}


def rows(document: str, heading: str) -> list[list[str]]:
    section = document.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def without_code(document: str) -> str:
    return re.sub(r"^```.*?^```$", "", DOCUMENTS[document], flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def told(value: Any) -> str:
    if value in (None, frozenset()):
        return "none"
    return f"`{int(value) if isinstance(value, float) else value}`"


def test_the_settings_and_their_defaults() -> None:
    by_template = resolved(TEMPLATE, REQUIRED)["Function"]["EnvironmentVariables"]
    explained = {
        name: cells[1] for cells in rows(DOCUMENTS["docs/configuration.md"], "Settings") for name in names(cells[0])
    }
    expected = {}
    for field, info in Settings.model_fields.items():
        default, template = told(info.default), told(by_template[field.upper()] or None)
        expected[field.upper()] = default if default == template else f"{default}, by the template {template}"
    anything = {name for name, text in explained.items() if text == "any"}
    assert anything == {"ALLOWED_PHONE_NUMBERS", "ALLOWED_CUST_SPACE_IDS"}
    assert {n: "none" if n in anything else text for n, text in explained.items()} == expected


def test_every_problem_and_its_status() -> None:
    explained: dict[str, int] = {}
    for cells in rows(CALLING, "Problems"):
        codes, statuses = names(cells[0]), [int(status) for status in cells[1].split(", ")]
        explained |= dict(zip(codes, statuses, strict=True))
    assert explained == {code: kind.status for code, kind in KINDS.items()}


def test_the_optional_parts_and_no_others() -> None:
    explained = [name for cells in rows(DOCUMENTS["docs/deployment.md"], "Optional parts") for name in names(cells[1])]
    settings = {"".join(part.title() for part in field.split("_")) for field in Settings.model_fields}
    assert len(explained) == len(set(explained))
    assert set(explained) - {"RedisUrl"} == set(TEMPLATE["Parameters"]) - THE_FUNCTION - settings


@pytest.mark.parametrize("document", DOCUMENTS)
def test_parameters_and_outputs_that_are_named_exist(document: str) -> None:
    """Names in backticks that look like the template's: two words or more, or with one of its prefixes."""
    prefixes = ("Domain", "Gateway", "Timer", "Alarm", "Alert", "Cams", "Cache", "Max", "Redis", "Jwt")
    named = {
        n for n in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z0-9]+)+)`", DOCUMENTS[document]) if n.startswith(prefixes)
    }
    assert named <= {*TEMPLATE["Parameters"], *TEMPLATE["Outputs"], *TEMPLATE["Resources"]}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target, anchor in re.findall(r"(?:\]\(|src=\")(?!https://)([^)#\"]*)#?([^)\"]*)[)\"]", without_code(document)):
        path = Path(document).parent / target if target else Path(document)
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_that_are_named_exist(document: str) -> None:
    """Paths in backticks that look like ours, from the root, from the package's, or from the document."""
    roots = (Path(), Path("src/cams_qr"), Path("web"), Path(document).parent)
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", without_code(document))
    ours = [path for path in named if not path.startswith(("dist/", "application/"))]
    assert [path for path in ours if not any((root / path).exists() for root in roots)] == []
