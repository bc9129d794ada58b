"""Random schedules for a fleet whose instances share Redis: whatever callers, instances and Redis may do."""

from collections.abc import Callable
from random import Random

from testing.invariants import Invariants
from testing.virtual_fleet import PATIENCE, Manner, Sabotage, World

FLEET = 12
LIMITS = (1, 2, 5, 20)
DELAYS = (0.0005, 0.001, 0.005, 0.02, 0.05)


def random_world(seed: int, steps: int, sabotage: Sabotage = Sabotage()) -> tuple[World, Invariants]:  # noqa: B008
    """What became of so many steps, fewer where something broke."""
    world = World(Invariants, LIMITS[seed % len(LIMITS)], seed, sabotage, allowed=FLEET)
    watch = world.watch
    assert isinstance(watch, Invariants)
    world.throttles = True
    world.warm(FLEET)
    chance = Random(seed)
    for number in range(steps):
        if watch.broken:
            break
        (step,) = chance.choices(list(_STEPS), list(_STEPS.values()))
        world.note(f"-- {number}: {step.__name__[1:]}")
        step(world, chance)
    world.hub.close()
    return world, watch


def _manner(chance: Random) -> Manner:
    bulk = chance.random() < 0.3
    return Manner(
        bulk=bulk,
        budget=chance.choice((0.2, 2.0, 8.0, 25.0) if bulk else (PATIENCE, PATIENCE, PATIENCE, 1.4, 0.2)),
        lag=chance.choice((0.0, 0.5, 1.0)),
        obeys=chance.random() < 0.7,
    )


def _call(world: World, chance: Random) -> None:
    world.call(chance.randrange(FLEET), _manner(chance))


def _crowd(world: World, chance: Random) -> None:
    world.crowd(chance.randrange(FLEET // 2), chance.randint(2, FLEET // 2), _manner(chance))


def _pass_time(world: World, chance: Random) -> None:
    world.pass_time(chance.choice((0.01, 0.05, 0.1, 0.3, 1.0, 2.5)))


def _freeze(world: World, chance: Random) -> None:
    at = chance.randrange(FLEET)
    # While a call waits, a suspended clock would only make it leave so much later.
    world.freeze(at, chance.choice((0.03, 0.2, 1.0, 3.0)), world.instances[at].caller is None and chance.random() < 0.3)


def _oversleep(world: World, chance: Random) -> None:
    world.oversleep(chance.randrange(FLEET), chance.choice((0.0, 0.0, 0.004, 0.01, 0.03, 0.2)))


def _delay(world: World, chance: Random) -> None:
    world.delay(chance.randrange(FLEET), chance.choice(DELAYS), chance.choice(DELAYS))


def _kill(world: World, chance: Random) -> None:
    world.kill(chance.randrange(FLEET))


def _share(world: World, chance: Random) -> None:
    world.share(world.limit / 2, 1.0, chance)


def _step_clock(world: World, chance: Random) -> None:
    world.step_clock(chance.choice((-20.0, -0.2, 0.5, 20.0)))


def _lose(world: World, chance: Random) -> None:
    redis = world.server.redis
    world.plant("DEL", chance.choice([*redis.keys, "none"]))


def _restart(world: World, chance: Random) -> None:
    world.restart()


def _outage(world: World, chance: Random) -> None:
    world.become(chance.choice(("gone", "frozen")))
    world.crowd(chance.randrange(FLEET), 3)
    world.pass_time(chance.choice((0.1, 0.5, 3.0)))
    world.become("up")


# How often each is taken; faults are rare enough that the queue is sound in between.
_STEPS: dict[Callable[[World, Random], None], float] = {
    _call: 20,
    _crowd: 20,
    _pass_time: 40,
    _freeze: 3,
    _oversleep: 3,
    _delay: 3,
    _kill: 2,
    _share: 1,
    _step_clock: 0.5,
    _lose: 0.5,
    _restart: 0.5,
    _outage: 1,
}
