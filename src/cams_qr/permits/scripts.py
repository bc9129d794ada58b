"""The scripts that Redis runs, put together from the files in `lua/`."""

from pathlib import Path


def _script(*names: str) -> str:
    folder = Path(__file__).with_name("lua")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names)


TAKE = _script("queue", "clock", "seats", "closing", "moments", "take")
THROTTLED = _script("queue", "throttled")
