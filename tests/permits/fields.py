"""The numbers that take.lua keeps of the queue, read from the script, so that no test forgets one."""

import re
from pathlib import Path

from cams_qr import permits

_SCRIPT = Path(permits.__path__[0], "take.lua").read_text(encoding="utf-8")
QUEUE_FIELDS = re.findall(r"'(\w+)'", _SCRIPT.partition("local NUMBERS = {")[2].partition("}")[0])
