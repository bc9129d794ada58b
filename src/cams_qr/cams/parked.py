"""Calls to CAMS that nobody waits for any more: an answer to one says that CAMS lives, and how slow it is."""

import http.client
import ssl
import time
from dataclasses import dataclass

from cams_qr.deadline import Deadline

# A frozen instance sees nothing: so much of the time between two looks counts as silence.
_LONGEST_GAP_SECONDS = 2.0


@dataclass
class _Call:
    connection: http.client.HTTPConnection
    until: Deadline
    silence: float
    looked: float


class Parked:
    """Two calls at most, with their connections: the oldest, and the latest. Each is given up when its time is over."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def park(self, connection: http.client.HTTPConnection, until: Deadline, silence: float) -> None:
        """Keep a call that has waited so many seconds for its answer."""
        self.give_up_latest()
        self._calls.append(_Call(connection, until, silence, time.monotonic()))

    def give_up_latest(self) -> None:
        """Keep none but the oldest."""
        self._give_up(self._calls[1:])

    def give_up(self) -> None:
        """Keep none."""
        self._give_up(self._calls)

    def look(self) -> float | None:
        """Seconds that an answer has taken at least, where one has come by now; it ends the wait for the others."""
        now = time.monotonic()
        for call in tuple(self._calls):
            answered = _has_answer(call.connection)
            if answered:
                self.give_up()
                return call.silence
            call.silence += min(now - call.looked, _LONGEST_GAP_SECONDS)
            call.looked = now
            if answered is False or not call.until.remaining():
                self._give_up([call])
        return None

    def _give_up(self, calls: list[_Call]) -> None:
        for call in tuple(calls):
            call.connection.close()
            self._calls.remove(call)


def _has_answer(connection: http.client.HTTPConnection) -> bool | None:
    """Whether an answer has begun; None where it still may, False where the connection has ended."""
    try:
        # Not whether the socket is readable: TLS sends tickets of its own accord.
        connection.sock.settimeout(0)
        return bool(connection.sock.recv(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError:
        return False
