"""`python -m bench.import_profile OUT.svg`: draws a cold start's imports, each as wide as the time that it takes.

Each module lies below the one that imported it first. Times are medians of several runs of `python -X importtime`,
on the package's code alone.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median

from bench.packages import interpreter, unpack

RUNS = 9
WIDTH, ROW, DEPTH = 1200, 19, 7
COLOURS = {
    "cams_qr": "#2f855a",
    "pydantic": "#b83280",
    "pydantic_core": "#b83280",
    "annotated_types": "#b83280",
    "requests": "#2b6cb0",
    "urllib3": "#2b6cb0",
    "alibabacloud_credentials": "#c05621",
    "alibabacloud_credentials_api": "#c05621",
    "alibabacloud_gateway_spi": "#c05621",
    "alibabacloud_tea_openapi": "#c05621",
    "alibabacloud_tea_util": "#c05621",
    "darabonba": "#c05621",
    "Tea": "#c05621",
}
PYTHON = "#4a5568"


@dataclass
class Module:
    """One import: its own time in milliseconds, and the modules that it was the first to import."""

    name: str
    own: float
    imported: "list[Module]" = field(default_factory=list)

    def milliseconds(self) -> float:
        """The time including everything that it imports."""
        return self.own + sum(module.milliseconds() for module in self.imported)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(prog="python -m bench.import_profile", description=__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as temporary:
        folders = unpack(Path(temporary))
        out.write_text(draw(profile(folders["ours"])))


def profile(code: Path) -> Module:
    """The imports of `index`, each with its median time."""
    runs = [_run(code) for _ in range(RUNS)]
    times = [{module.name: module.own for module in _all(run)} for run in runs]
    for module in _all(runs[0]):
        module.own = median(time[module.name] for time in times if module.name in time)
    return runs[0]


def draw(root: Module) -> str:
    """An SVG of the imports; hovering over a module shows its name and time."""
    rows = "\n".join(_boxes(root, 0.0, 0, WIDTH / root.milliseconds()))
    height = ROW * DEPTH
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>Imports of a cold start, {root.milliseconds():.0f} ms</title>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{rows}\n</svg>\n'
    )


def _run(code: Path) -> Module:
    command = [interpreter(), "-S", "-W", "ignore", "-X", "importtime", "-c", "import index"]
    printed = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, check=True).stderr
    # A module's line follows those of the modules that it imported, which are indented further.
    waiting: dict[int, list[Module]] = {}
    for line in printed.splitlines():
        _, _, rest = line.partition(":")
        microseconds, _, name = [*rest.split("|"), "", ""][:3]
        if not microseconds.strip().isdigit():
            continue
        depth = (len(name) - len(name.lstrip())) // 2
        module = Module(name.strip(), int(microseconds) / 1000, waiting.pop(depth + 1, []))
        waiting.setdefault(depth, []).append(module)
    return next(module for modules in waiting.values() for module in modules if module.name == "index")


def _all(module: Module) -> Iterator[Module]:
    yield module
    for imported in module.imported:
        yield from _all(imported)


def _boxes(module: Module, left: float, depth: int, scale: float) -> Iterator[str]:
    width = module.milliseconds() * scale
    if width < 1.5 or depth >= DEPTH:
        return
    colour = COLOURS.get(module.name.partition(".")[0], COLOURS["cams_qr"] if module.name == "index" else PYTHON)
    label = f"{module.name} {module.milliseconds():.0f}"
    shown = label if len(label) * 6 < width else ""
    yield (
        f"<g><title>{escape(module.name)}: {module.milliseconds():.1f} ms</title>"
        f'<rect x="{left:.1f}" y="{depth * ROW}" width="{max(width - 0.7, 0.8):.1f}" height="{ROW - 1}" '
        f'fill="{colour}"/>'
        f'<text x="{left + 4:.1f}" y="{depth * ROW + 13}" fill="#fff">{escape(shown)}</text></g>'
    )
    for imported in module.imported:
        yield from _boxes(imported, left, depth + 1, scale)
        left += imported.milliseconds() * scale


if __name__ == "__main__":
    main()
