"""Who comes to a fleet in virtual time: callers that never stop asking, or people at random times."""

from random import Random
from statistics import mean

from testing.virtual_fleet import BULK, PERSON, CallerModel, World


class Crowd:
    """Callers of one instance each: people, who come back when told, and then bulk callers, who ask again at once."""

    def __init__(self, world: World, people: int, bulk: int = 0, lag: float = 1.0, same_number: bool = False) -> None:
        self._world = world
        self._last: dict[int, CallerModel] = {}
        self._manners = [
            PERSON._replace(lag=lag, ticket="same" if same_number else f"person-{n}") for n in range(people)
        ]
        self._manners += [BULK._replace(lag=lag, ticket=f"bulk-{n}") for n in range(bulk)]
        # Of people, after a refusal.
        self.retries: list[CallerModel] = []

    def ask(self, seconds: float) -> float:
        """Keep asking for so long; returns when that began."""
        began = self._world.hub.now
        while self._world.hub.now < began + seconds - 1e-9:
            for at, manner in enumerate(self._manners):
                self._ask(at, at, manner.bulk)
            self._world.pass_time(0.02)
        return began

    def _ask(self, number: int, at: int, bulk: bool) -> None:
        last = self._last.get(number)
        if last and not last.thread.ended:
            return
        was_refused = last is not None and last.outcome == "refused"
        if was_refused and self._world.hub.now < self._world.instances[at].told:
            return
        caller = self._world.call(at, self._manners[number])
        if caller:
            self._last[number] = caller
            if was_refused and not bulk:
                self.retries.append(caller)

    def served(self) -> float:
        """The share of people's retries that were served."""
        return mean(caller.outcome == "called" for caller in self.retries if caller.thread.ended)


def come(
    world: World, rate: float, seconds: float, instances: int, chance: Random, even: bool = False
) -> list[CallerModel]:
    """People come to idle instances, at random times or almost evenly, and do not come back."""
    came: list[CallerModel | None] = []
    end, due = world.hub.now + seconds, world.hub.now
    while world.hub.now < end:
        if world.hub.now >= due:
            due += chance.uniform(0.5, 1.5) / rate if even else chance.expovariate(rate)
            idle = [at for at in range(instances) if at not in world.instances or not world.instances[at].caller]
            came.append(world.call(chance.choice(idle), PERSON._replace(lag=1.0)) if idle else None)
        world.pass_time(0.01)
    return [caller for caller in came if caller]


def people_who_do_not_come_back(world: World, count: int) -> None:
    """So many people come at short intervals; those who are refused leave their appointments."""
    for number in range(count):
        world.call(number % 50)
        world.pass_time(0.01)


def one_after_another(world: World, count: int) -> list[CallerModel]:
    """So many people come to one instance, each when the one before has been served or refused."""
    came = []
    for _ in range(count):
        came += world.crowd(60, 1)
        world.pass_time(2.1)
    return came


def refused(callers: list[CallerModel]) -> float:
    """The share of callers that were not served."""
    return mean(caller.outcome != "called" for caller in callers)
