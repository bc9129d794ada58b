"""The scripts that Redis runs, read from the `lua` folder beside the module that uses them."""

from pathlib import Path


def lua(module: str, *names: str) -> str:
    """Put a script together from the files `names`; `module` is the `__file__` of the module that uses it."""
    folder = Path(module).with_name("lua")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names)
