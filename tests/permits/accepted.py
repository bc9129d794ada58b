"""Known and accepted weaknesses of the queue: what random schedules may do to the quota.

For each, closing it would make callers wait longer, for faults that are rare by themselves.
"""

from cams_qr.permits.throttle import SPAN_SECONDS
from tests.permits.fleet_model import PATIENCE, CallerModel, World

# How far ahead moments are promised, and until they have left the window.
_PROMISED_SECONDS = PATIENCE + SPAN_SECONDS
# Of Redis, each way. A clock that is set is set by what some instance heard: those that are far away, each by another
# way, know it less well than the guard covers.
DELAYS = (0.0005, 0.001, 0.003, 0.005)
FAR_DELAYS = (0.0005, 0.02, 0.05)


def accepted_hole(world: World, calls: list[CallerModel]) -> str | None:
    """Why so many calls, one more than the quota, may be in one window; None where they may not."""
    now = world.hub.now
    turns = [call for call in calls if call.turn]
    if turns and now - world.lost_at < _PROMISED_SECONDS:
        # Who lost Redis knew an old queue, and others hold moments of a newer one.
        return "accepted: promised before Redis was lost"
    if turns and (len({call.instance for call in turns}) > world.limit or any(call.cold for call in turns)):
        # More take turns than the quota has, and each counts the seats that it last heard of; or it never heard.
        return "accepted: views of seats"
    if now - world.unnoticed_at < _PROMISED_SECONDS:
        # Redis kept its memory, and the first to ask had not noticed that it was away, or only an earlier outage.
        return "accepted: unnoticed outage"
    if now - world.hushed_at < _PROMISED_SECONDS:
        # Redis forgot, and was away before those who wait could remind it of what it had promised.
        return "accepted: forgot, and away"
    if now - max(world.cold_at, world.split_at) < _PROMISED_SECONDS:
        # The clock was set or all was forgotten, and who asked first could not tell; who knew the clock of before
        # sets it again, whenever it comes.
        return "accepted: a new instance asked first"
    return None


def can_be_suspended(world: World, at: int) -> bool:
    """Whether a machine's clock may stand still: not while a call waits there, for it would leave so much later."""
    return at in world.instances and world.instances[at].caller is None


def can_tell_the_time(world: World, at: int) -> bool:
    """Whether an instance notices that the clock is set: it is at work, and has asked since it was new or suspended."""
    instance = world.instances[at]
    return not instance.cold and not instance.dead and instance.frozen_until <= world.hub.now
