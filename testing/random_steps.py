"""Random schedules for a fleet whose instances share Redis: whatever callers, instances and Redis may do."""

from collections.abc import Callable
from random import Random

from testing.invariants import Invariants
from testing.virtual_fleet import PATIENCE, Manner, Sabotage, World

FLEET = 12
LIMITS = (1, 2, 5, 20)
DELAYS = (0.0005, 0.001, 0.005, 0.02, 0.05)
OVERSLEPT = (0.0, 0.0, 0.004, 0.01, 0.03, 0.2)


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
        (name,) = chance.choices(list(_STEPS), [weight for weight, _ in _STEPS.values()])
        world.note(f"-- {number}: {name}")
        _STEPS[name][1](world, chance)
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


def _freeze(world: World, chance: Random) -> None:
    at = chance.randrange(FLEET)
    # While a call waits, a suspended clock would only make it leave so much later.
    world.freeze(at, chance.choice((0.03, 0.2, 1.0, 3.0)), world.instances[at].caller is None and chance.random() < 0.3)


def _outage(world: World, chance: Random) -> None:
    world.become(chance.choice(("gone", "frozen")))
    world.crowd(chance.randrange(FLEET), 3)
    world.pass_time(chance.choice((0.1, 0.5, 3.0)))
    world.become("up")


# How often each is taken; faults are rare enough that the queue is sound in between.
_STEPS: dict[str, tuple[float, Callable[[World, Random], object]]] = {
    "call": (20, lambda world, chance: world.call(chance.randrange(FLEET), _manner(chance))),
    "crowd": (20, lambda world, chance: world.crowd(chance.randrange(6), chance.randint(2, 6), _manner(chance))),
    "pass time": (40, lambda world, chance: world.pass_time(chance.choice((0.01, 0.05, 0.1, 0.3, 1.0, 2.5)))),
    "freeze": (3, _freeze),
    "oversleep": (3, lambda world, chance: world.oversleep(chance.randrange(FLEET), chance.choice(OVERSLEPT))),
    "delay": (3, lambda world, chance: world.delay(chance.randrange(FLEET), *chance.choices(DELAYS, k=2))),
    "kill": (2, lambda world, chance: world.kill(chance.randrange(FLEET))),
    "share": (1, lambda world, chance: world.share(world.limit / 2, 1.0, chance)),
    "set the clock": (0.5, lambda world, chance: world.step_clock(chance.choice((-20.0, -0.2, 0.5, 20.0)))),
    "lose a key": (0.5, lambda world, chance: world.plant("DEL", chance.choice([*world.server.redis.keys, "none"]))),
    "restart": (0.5, lambda world, chance: world.restart()),
    "outage": (1, _outage),
}
