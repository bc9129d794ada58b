"""The numbers that the scripts keep of the queue, read from their source, so that no test forgets one."""

import re

from cams_qr.permits.scripts import TAKE

QUEUE_FIELDS = re.findall(r"'(\w+)'", TAKE.partition("local NUMBERS = {")[2].partition("}")[0])
