"""The scripts that Redis runs, read from the `lua` folder beside the module that uses them."""

from pathlib import Path


def lua(module: str, name: str) -> str:
    """The script `name`; `module` is the `__file__` of the module that uses it."""
    return Path(module).with_name("lua").joinpath(f"{name}.lua").read_text(encoding="utf-8")
