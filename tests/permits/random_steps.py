"""Random schedules for a fleet whose instances share Redis: whatever callers, instances and Redis may do."""

from collections.abc import Callable
from random import Random

from tests.permits.accepted import DELAYS, FAR_DELAYS, accepted_hole, can_be_suspended, can_tell_the_time
from tests.permits.fleet_model import PARTS, PATIENCE, Manner, Mutation, World

FLEET = 12


def random_world(limit: int, seed: int, steps: int, mutate: Mutation = lambda source: source) -> World:
    """What became of so many steps, fewer where something broke."""
    world = World(limit, seed, mutate, accepted_hole)
    world.warm(FLEET)
    random = Random(seed)
    # A clock that is set while instances differ in what they know of it is an accepted hole, so a schedule has one or
    # the other.
    left_out = random.choice(((_step_clock,), (_freeze, _lose, _restart, _outage, _far)))
    weights = {step: weight for step, weight in _STEPS.items() if step not in left_out}
    for _ in range(steps):
        if world.broken:
            break
        (step,) = random.choices(list(weights), list(weights.values()))
        step(world, random)
    world.close()
    return world


def _manner(random: Random) -> Manner:
    bulk = random.random() < 0.3
    return Manner(
        bulk=bulk,
        budget=random.choice((0.2, 2.0, 8.0) if bulk else (PATIENCE, PATIENCE, PATIENCE, 1.4, 0.2)),
        lag=random.choice((0.0, 0.5, 1.0)),
        obeys=random.random() < 0.7,
        throttled=random.choice((0.0, 1.0)) if random.random() < 0.02 else None,
    )


def _call(world: World, random: Random) -> None:
    world.call(random.randrange(FLEET), _manner(random))


def _crowd(world: World, random: Random) -> None:
    world.crowd(random.randrange(FLEET // 2), random.randint(2, FLEET // 2), _manner(random))


def _pass_time(world: World, random: Random) -> None:
    world.pass_time(random.choice((0.01, 0.05, 0.1, 0.3, 1.0, 2.5)))


def _freeze(world: World, random: Random) -> None:
    at = random.randrange(FLEET)
    world.freeze(at, random.choice((0.03, 0.2, 1.0, 3.0)), random.random() < 0.3 and can_be_suspended(world, at))


def _oversleep(world: World, random: Random) -> None:
    world.oversleep(random.randrange(FLEET), random.choice((0.0, 0.0, 0.004, 0.01, 0.03, 0.2)))


def _delay(world: World, random: Random) -> None:
    world.delay(random.randrange(FLEET), random.choice(DELAYS), random.choice(DELAYS))


def _far(world: World, random: Random) -> None:
    world.delay(random.randrange(FLEET), random.choice(FAR_DELAYS), random.choice(FAR_DELAYS))


def _kill(world: World, random: Random) -> None:
    world.kill(random.randrange(FLEET))


def _step_clock(world: World, random: Random) -> None:
    # Whoever cannot tell that it was set would make the others doubt their clocks for long: an accepted hole.
    if all(can_tell_the_time(world, at) for at in range(FLEET)):
        world.step_clock(random.choice((-20.0, -0.2, 0.5, 20.0)))
        world.crowd(0, FLEET, Manner(budget=0.2, obeys=False))
        world.pass_time(0.3)


def _lose(world: World, random: Random) -> None:
    part = random.choice(("all", *PARTS))
    world.flush() if part == "all" else world.lose_key(part)


def _restart(world: World, random: Random) -> None:
    world.restart()


def _outage(world: World, random: Random) -> None:
    world.become(random.choice(("gone", "frozen")))
    world.crowd(random.randrange(FLEET), 3)
    world.pass_time(random.choice((0.1, 0.5, 3.0)))
    world.become("up")


# How often each is taken; faults are rare enough that the queue is sound in between.
_STEPS: dict[Callable[[World, Random], None], float] = {
    _call: 20,
    _crowd: 20,
    _pass_time: 40,
    _freeze: 3,
    _oversleep: 3,
    _delay: 3,
    _far: 1,
    _kill: 2,
    _step_clock: 1,
    _lose: 1,
    _restart: 0.5,
    _outage: 1.5,
}
