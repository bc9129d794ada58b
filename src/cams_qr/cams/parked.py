"""Calls to CAMS whose callers have left: a late answer still shows that CAMS is up, and how slow it is."""

import http.client
import ssl
import time
from dataclasses import dataclass

from cams_qr.deadline import Deadline

# A frozen instance sees nothing, so only this much of the time between two polls counts as silence.
_LONGEST_GAP_SECONDS = 2.0


@dataclass
class _Call:
    connection: http.client.HTTPConnection
    late_deadline: Deadline
    silence: float
    polled_at: float


class Parked:
    """At most two calls, with their connections: the oldest and the latest. Each is given up when its time is over."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def park(self, connection: http.client.HTTPConnection, late_deadline: Deadline, silence: float) -> None:
        """Keep a call until `late_deadline`; it has waited `silence` seconds for its answer."""
        self.give_up_latest()
        self._calls.append(_Call(connection, late_deadline, silence, time.monotonic()))

    def give_up_latest(self) -> None:
        """Give up all but the oldest."""
        self._give_up(self._calls[1:])

    def give_up(self) -> None:
        """Give up all calls."""
        self._give_up(self._calls)

    def poll(self) -> float | None:
        """If an answer has arrived, how many seconds it took at least; the other calls are then given up."""
        now = time.monotonic()
        for call in tuple(self._calls):
            answered = _has_answer(call.connection)
            if answered:
                self.give_up()
                return call.silence
            call.silence += min(now - call.polled_at, _LONGEST_GAP_SECONDS)
            call.polled_at = now
            if answered is False or not call.late_deadline.remaining():
                self._give_up([call])
        return None

    def _give_up(self, calls: list[_Call]) -> None:
        for call in tuple(calls):
            call.connection.close()
            self._calls.remove(call)


def _has_answer(connection: http.client.HTTPConnection) -> bool | None:
    """Whether an answer has begun to arrive; None if it still may, False if the connection has ended."""
    try:
        # A readable socket is not enough: TLS sends session tickets unasked.
        connection.sock.settimeout(0)
        return bool(connection.sock.recv(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError:
        return False
