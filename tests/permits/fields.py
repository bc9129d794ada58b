"""The numbers that the scripts keep of the queue, read from their source, so that no test forgets one; and times."""

import re

from cams_qr.permits.scripts import TAKE

from tests.permits.fleet_model import World

_EPOCH_MICROS = 1_700_000_000_000_000

QUEUE_FIELDS = re.findall(r"'(\w+)'", TAKE.partition("local NUMBERS = {")[2].partition("}")[0])


def ahead(world: World, seconds: float) -> str:
    """So many seconds from now, as the scripts keep a time."""
    return str(int(_EPOCH_MICROS + (world.hub.now + seconds) * 1e6))
