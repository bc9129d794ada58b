"""What must hold of the account's queue whatever happens, and the excesses that are accepted.

Closing the accepted ones would make callers wait longer, for faults that are rare by themselves.
"""

import math
from collections import Counter, deque
from typing import Any

from cams_qr.permits.throttle import (
    GUARD_SECONDS,
    HORIZON_SECONDS,
    PACE_DECREASE,
    PACE_GROWTH,
    WAY_SECONDS,
    WINDOW_SECONDS,
)
from testing.virtual_fleet import PATIENCE, PERSON, CallerModel, World

# In one run of the script; a queue of any length needs no more.
MOST_COMMANDS = 40
MOST_ASKS = 300
# With a quota of one call a second, bulk has every fifth or so.
MOST_STARVED_SECONDS = 12.0
# A person who cannot be served is told so at once.
REFUSAL_SECONDS = 0.1
# Until the queue is open again, whatever happened, and until all moments have passed that were promised before.
RECOVERY_SECONDS = PATIENCE + 3 * WINDOW_SECONDS
PROMISED_SECONDS = PATIENCE + 2 * WINDOW_SECONDS
# As near as this, bulk takes what is free.
_NEAR_SECONDS = 0.2
_ROUNDING_SECONDS = 0.001
_MICRO = 1e6


class Invariants:
    """Watches a world: `broken` lists what did not hold, `counts` what happened and which excesses were accepted."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.broken: list[str] = []
        self.counts: Counter[str] = Counter()
        self.starved = 0.0
        self._disturbed_at = self._throttled_at = self._stepped_at = -1e9
        self._rate = 1.0
        # Whether nobody has asked since Redis forgot who knew what it had promised, and when last somebody else asked.
        self._is_blind, self._blind_at, self._forgot_at = False, -1e9, -1e9
        # The last booked calls, by when they arrive at the latest, on the queue's clock; when bulk last booked ahead.
        self._booked: deque[float] = deque(maxlen=world.limit)
        self._bulk_ahead_at = self._bulk_left_at = -1e9
        self._waiting: list[CallerModel] = []
        # Who was told to come back, and when; -inf if that is not known.
        self._appointments: dict[str, float] = {}

    def disturbed(self, forgot: bool = False, stepped: bool = False) -> None:
        """Something happened to Redis; it may have forgotten what it promised, or its clock was set."""
        self._disturbed_at, self._bulk_ahead_at = self._world.hub.now, -1e9
        if stepped:
            self._stepped_at = self._world.hub.now
            self._booked.clear()
        if forgot:
            self._forgot_at, self._is_blind = self._world.hub.now, True
            self._booked.clear()

    def asked(self, caller: CallerModel, question: dict[str, Any]) -> None:
        """The script has answered."""
        now, redis = self._world.hub.now, self._world.server.redis
        self.counts["asks"] += 1
        self._note_who_asks(caller, question)
        # Who is far from Redis, or was just late, cannot take a moment that was booked from nearby.
        caller.has_reason |= question["delay"] / _MICRO > GUARD_SECONDS - WAY_SECONDS
        if caller.asks > MOST_ASKS and not caller.has_reason:
            self._break("bounded", f"{caller.ticket} asks for ever")
            caller.thread.kill()
        if len(redis.journal) > MOST_COMMANDS:
            self._break("bounded", f"{len(redis.journal)} commands")
        if any(key not in redis.expiries for key in redis.keys):
            self._break("expiry", f"{set(redis.keys) - set(redis.expiries)}")
        for command in redis.journal:
            if command[:1] == ("LPUSH",):
                self._check_booking(caller, question, int(command[2]))
        if caller.asks == 1 and caller.manner.bulk:
            self._waiting = [other for other in self._waiting if not other.thread.ended and other.outcome == "waits"]
            self._waiting.append(caller)
        if "booked" in question:
            self._rate, self._throttled_at = max(0.05, self._least_rate() * PACE_DECREASE), now

    def _note_who_asks(self, caller: CallerModel, question: dict[str, Any]) -> None:
        """The queue closes when it hears from an instance that it has forgotten something, or was away."""
        now = self._world.hub.now
        is_old = "queue" in question and caller.instance.heard_at < self._forgot_at
        if is_old or question["lost"]:
            self._disturbed_at = now
        if self._is_blind:
            # Who alone had lost Redis, or was last answered when nobody waited, knows of fewer promises.
            knows_all = is_old and question["promised"] == self._world.patience * _MICRO
            self._blind_at = self._blind_at if knows_all else now
            self._is_blind = not is_old

    def _check_booking(self, caller: CallerModel, question: dict[str, Any], booked: int) -> None:
        """A new moment is the first that the booked calls allow; bulk books one ahead in a window."""
        world = self._world
        now = world.hub.now + 1_700_000_000 + world.server.stepped
        until = booked / _MICRO
        moment = until - (question["guard"] + question["delay"]) / _MICRO
        if len(self._booked) == world.limit:
            opens = now - world.hub.now + self._disturbed_at + RECOVERY_SECONDS
            free = max(now, opens, self._booked[0] + WINDOW_SECONDS, self._booked[-1] + self._pause())
            if moment > free + _ROUNDING_SECONDS:
                self._break("idle", f"{caller.ticket} waits {moment - free:.4f} s for a permit that is free")
        self._booked.append(until)
        if question["bulk"] and moment > now + _NEAR_SECONDS + _ROUNDING_SECONDS:
            is_early = moment - self._bulk_ahead_at < WINDOW_SECONDS - _ROUNDING_SECONDS
            if is_early and self._since_disturbance() > RECOVERY_SECONDS:
                self._break("people first", f"{caller.ticket} books ahead, for bulk, twice in a window")
            self._bulk_ahead_at = moment

    def _least_rate(self) -> float:
        """The share of the quota that CAMS accepts at least, by how often and when it throttled."""
        return min(1.0, self._rate + PACE_GROWTH * (self._world.hub.now - self._throttled_at))

    def _pause(self) -> float:
        rate = self._least_rate()
        return WINDOW_SECONDS / self._world.limit / rate if rate < 1 else 0.0

    def _since_disturbance(self) -> float:
        return self._world.hub.now - self._disturbed_at

    def failed(self, caller: CallerModel, error: Exception) -> None:
        """The script has raised an error."""
        self._break("script", str(error))

    def missed(self, caller: CallerModel) -> None:
        """A caller could not leave at its moment, whether that was an appointment or not."""
        self._appointments.pop(caller.ticket, None)
        if not self._is_excused(caller):
            self._break("promise", f"{caller.ticket} was promised a moment, and cannot leave then")

    def refused(self, caller: CallerModel, seconds: float) -> None:
        """A caller was refused, and told when to come back."""
        now = self._world.hub.now
        self.counts["refused"] += 1
        if caller.manner.bulk:
            return
        is_late = now - caller.began > REFUSAL_SECONDS + sum(caller.instance.delays)
        if is_late and not self._is_excused(caller):
            self._break("late", f"{caller.ticket} is refused after {now - caller.began:.3f} s")
        made_at = self._appointments.pop(caller.ticket, None)
        is_excused = max(self._disturbed_at + RECOVERY_SECONDS, self._throttled_at) >= (made_at or 0.0)
        if made_at is not None and not (is_excused or self._is_excused(caller)):
            self._break("appointment", f"{caller.ticket} came back when told, and is refused")
        self._note_appointment(caller, seconds, is_known=made_at is None and not (is_late or caller.alone))

    def _note_appointment(self, caller: CallerModel, seconds: float, is_known: bool) -> None:
        """Beyond the horizon there are none; who has less patience than others may be refused a nearer moment."""
        is_like_others = caller.manner._replace(ticket="", lag=0.0) == PERSON._replace(obeys=True)
        if is_like_others and seconds + self._world.patience <= HORIZON_SECONDS:
            # Who waited or was not answered may have one or not; who came back in vain may have its old one.
            self._appointments[caller.ticket] = self._world.hub.now if is_known else -math.inf

    def _is_excused(self, caller: CallerModel) -> bool:
        return caller.has_reason or caller.alone or self._since_disturbance() < RECOVERY_SECONDS

    def arrived(self, caller: CallerModel) -> None:
        """A call has arrived at CAMS."""
        world, now = self._world, self._world.hub.now
        self.counts["calls"] += 1
        self.counts["kept"] += self._appointments.pop(caller.ticket, None) is not None
        if caller.manner.bulk:
            self._bulk_left_at = now
        else:
            self._check_starving()
        crowd = world.arrivals[-1 - world.limit :]
        if len(crowd) > world.limit and now - crowd[0][0] < WINDOW_SECONDS - 1e-6:
            excess = self._accepted([other for _, other in crowd])
            self.counts["excused"] += 1
            self.counts[excess or "quota"] += 1
            if excess is None:
                self._break("quota", f"{world.limit + 1} calls within {now - crowd[0][0]:.4f} s")

    def _check_starving(self) -> None:
        """For how long bulk has been waiting undisturbed, while people's calls left and none of its own."""
        waiting = [c.began for c in self._waiting if c.outcome == "waits" and not (c.thread.ended or c.has_reason)]
        if waiting:
            since = max(min(waiting), self._bulk_left_at, self._disturbed_at + RECOVERY_SECONDS)
            self.starved = max(self.starved, self._world.hub.now - since)
            if self.starved > MOST_STARVED_SECONDS:
                self._break("starved", f"people's calls leave, and bulk has waited for {self.starved:.1f} s")

    def _accepted(self, calls: list[CallerModel]) -> str | None:
        """Why there may be one call too many in a window; None where there may not."""
        now = self._world.hub.now
        if any(call.left_alone for call in calls):
            return "without Redis, each instance has a pace of its own"
        if now - self._blind_at < PROMISED_SECONDS:
            return "forgotten, and who asked first did not know all promises"
        if now - self._stepped_at < PROMISED_SECONDS:
            return "the clock was set"
        return None

    def _break(self, kind: str, what: str) -> None:
        self.broken.append(f"{kind}: {what}")
        self._world.note(f"!! {self.broken[-1]}")
