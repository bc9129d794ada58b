"""The documents say of settings, parameters, problems and defaults what the code and template.yml say."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cams_qr.problems import KINDS
from cams_qr.settings import Settings
from testing.template import EVERYTHING, REQUIRED, TEMPLATE, resolved

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
    explained = {}
    for cells in rows(CALLING, "Problems"):
        codes, statuses = names(cells[0]), [int(status) for status in cells[1].split(", ")]
        explained |= dict(zip(codes, statuses, strict=True))
    assert explained == {code: kind.status for code, kind in KINDS.items()}


def test_every_member_of_a_problem_is_named() -> None:
    section = CALLING.split("\n## Problems\n")[1].split("\n## ")[0]
    schema = json.loads(Path("docs/openapi.json").read_text())["components"]["schemas"]["Problem"]
    named = set(re.findall(r"[`\"](\w+)[`\"]", section))
    assert set(schema["properties"]) <= named


@pytest.mark.parametrize("way", ["Signature", "Token", "Gateway", "Custom domain"])
def test_each_way_to_authenticate_takes_five_lines(way: str) -> None:
    section = without_code("docs/calling.md").split(f"\n### {way}: ")[1].split("\n##")[0]
    _, *lines = filter(None, section.splitlines())
    assert 0 < len(lines) <= 5


def test_the_optional_parts_and_no_others() -> None:
    explained = [name for cells in rows(DOCUMENTS["docs/deployment.md"], "Optional parts") for name in names(cells[1])]
    settings = {"".join(part.title() for part in field.split("_")) for field in Settings.model_fields}
    assert len(explained) == len(set(explained))
    assert set(explained) - {"RedisUrl"} == set(TEMPLATE["Parameters"]) - THE_FUNCTION - settings


@pytest.mark.parametrize("document", DOCUMENTS)
def test_defaults_told_in_passing(document: str) -> None:
    for name, value in re.findall(r"`(\w+)` \((\S+) by default\)", DOCUMENTS[document]):
        assert str(TEMPLATE["Parameters"][name]["Default"]) == value


def test_a_default_is_told_in_passing() -> None:
    assert "`MaxInstances` (5 by default)" in CALLING


@pytest.mark.parametrize("document", DOCUMENTS)
def test_parameters_and_outputs_that_are_named_exist(document: str) -> None:
    """Names in backticks that look like the template's: two words or more, or with one of its prefixes."""
    prefixes = ("Domain", "Gateway", "Timer", "Alarm", "Alert", "Cams", "Cache", "Max", "Redis", "Jwt")
    named = {
        n for n in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z0-9]+)+)`", DOCUMENTS[document]) if n.startswith(prefixes)
    }
    assert named <= {*TEMPLATE["Parameters"], *TEMPLATE["Outputs"], *TEMPLATE["Resources"]}


def test_the_table_of_doubtful_properties_is_about_this_template() -> None:
    cells = [cells[0] for cells in rows(DOCUMENTS["docs/deployment.md"], "Doubtful properties")]
    named = [pair for cell in cells for pair in re.findall(r"`(\w+)\.(\w+)", cell)]
    assert len(named) > 10
    assert [pair for pair in named if pair[1] not in TEMPLATE["Resources"][pair[0]]["Properties"]] == []


def literals() -> Iterator[tuple[str, str]]:
    """Each property in that table with what is said of it, where there is one for each."""
    for cells in rows(DOCUMENTS["docs/deployment.md"], "Doubtful properties"):
        paths, said = re.findall(r"`([\w.]+)`", cells[0]), cells[1].replace("`", "").split(", ")
        if paths and "." in paths[0] and len(paths) == len(said):
            resource = paths[0].split(".")[0]
            yield from zip((p if "." in p else f"{resource}.{p}" for p in paths), said, strict=True)


def test_the_literals_in_that_table_are_the_templates() -> None:
    compared = {}
    for path, said in literals():
        value: Any = resolved(TEMPLATE, EVERYTHING)
        for part in path.split("."):
            value = value.get(part, "left out")
        if not isinstance(value, dict | list):
            compared[path] = (str(value), said)
    assert {"Function.Runtime", "GatewayRoute.Match.Methods"} <= set(compared)
    assert {path: pair for path, pair in compared.items() if pair[0] != pair[1]} == {}


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


def test_each_step_of_a_way_is_where_the_architecture_says() -> None:
    """Names in backticks beside a path are in that file, or in one of that folder."""
    ways = DOCUMENTS["docs/architecture.md"].split("\n## Five ways")[1].split("\n## ")[0]
    steps = re.findall(r"^\d\. (.+(?:\n   .+)*)", ways, re.MULTILINE)
    assert len(steps) > 15
    for step in steps:
        told = re.findall(r"`([\w./]+)`", step)
        files = [Path("src/cams_qr", path) for path in told if path.endswith((".py", "/"))]
        files += [Path(path) for path in told if path == "template.yml"]
        text = "".join(f.read_text() for file in files for f in ([file] if file.is_file() else file.glob("*.py")))
        names = [name.split(".")[-1] for name in told if re.fullmatch(r"[\w.]+", name) and "." not in name[-4:]]
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == [], step


def test_every_example_is_named_where_callers_look() -> None:
    named = CALLING + DOCUMENTS["docs/events.md"]
    examples = {path.name for path in Path("examples").iterdir() if not path.name.startswith("__")}
    assert {name for name in examples if f"examples/{name}" not in named} == {"answers.py", "email_code.html"}
