"""Virtual time for real code: callers are greenlets, and `time.sleep` and `time.monotonic` follow a simulated clock."""

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

from greenlet import GreenletExit, getcurrent, greenlet

# Whoever is woken at a time is there at that time, whatever binary fractions say.
_ROUNDING = 1e-9
# No sleep is shorter.
_SHORTEST = 1e-6


class Process:
    """One operating-system process: its monotonic clock, and until when it is frozen."""

    def __init__(self, hub: "Hub", base: float) -> None:
        self._hub = hub
        self._base = base
        self.frozen_until = 0.0
        self.oversleeps = 0.0

    def monotonic(self) -> float:
        """Seconds of its monotonic clock."""
        return self._base + self._hub.now

    def freeze(self, seconds: float, clock_stands: bool) -> None:
        """Run nothing for so long; a suspended machine's monotonic clock stands still meanwhile."""
        self.frozen_until = max(self.frozen_until, self._hub.now) + seconds
        if clock_stands:
            self._base -= seconds


class Thread:
    """What one caller runs, on a process."""

    def __init__(self, hub: "Hub", process: Process, body: Callable[[], None]) -> None:
        self.hub = hub
        self.process = process
        self.dead = False
        self.waits = 0
        self.greenlet = greenlet(body)

    def kill(self) -> None:
        """Never run again; what it would clean up stays as it is."""
        self.dead = True

    @property
    def ended(self) -> bool:
        """Whether it is over, one way or the other."""
        return self.dead or self.greenlet.dead


class Hub:
    """The true time, and what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._main = getcurrent()
        self._running: Thread | None = None
        self._threads: list[Thread] = []

    @property
    def running(self) -> Thread:
        """The thread that runs now."""
        assert self._running
        return self._running

    def at(self, when: float, action: Callable[[], object]) -> None:
        """Do something at a true time."""
        heapq.heappush(self._events, (max(when, self.now), next(self._numbers), action))

    def start(self, process: Process, body: Callable[[], None]) -> Thread:
        """Run something on a process, from now on."""
        self._threads = [thread for thread in self._threads if not thread.ended or thread.dead]
        thread = Thread(self, process, body)
        self._threads.append(thread)
        self.at(self.now, partial(self.resume, thread, 0))
        return thread

    def run(self, until: float) -> None:
        """Let the time pass."""
        self._main = getcurrent()
        with self._virtual_time():
            while self._events and self._events[0][0] <= until:
                self.now, _, action = heapq.heappop(self._events)
                action()
        self.now = until

    def close(self) -> None:
        """End all threads; what they clean up changes nothing any more."""
        with self._virtual_time():
            for thread in self._threads:
                self._running = thread
                if not thread.greenlet.dead:
                    thread.greenlet.throw(GreenletExit)

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Let the running thread wait so long, or until it is woken and `ready`."""
        thread = self.running
        until = thread.process.monotonic() + seconds
        thread.waits += 1
        while True:
            left = until - thread.process.monotonic()
            if ready() or left <= _ROUNDING:
                return
            self.at(self.now + left, partial(self.resume, thread, thread.waits))
            self._main.switch()

    def resume(self, thread: Thread, wait: int) -> None:
        """Let a thread go on, unless it has done so since."""
        if thread.ended or thread.waits != wait:
            return
        if thread.process.frozen_until > self.now:
            self.at(thread.process.frozen_until, partial(self.resume, thread, wait))
            return
        self._running = thread
        thread.greenlet.switch()

    def _sleep(self, seconds: float) -> None:
        oversleeps = self.running.process.oversleeps if seconds > 0 else 0.0
        self.wait(lambda: False, max(seconds, _SHORTEST) + oversleeps)

    @contextmanager
    def _virtual_time(self) -> Iterator[None]:
        monotonic, sleep, wall = time.monotonic, time.sleep, time.time
        time.time = lambda: 1.7e9 + self.now
        time.monotonic = lambda: self.running.process.monotonic()
        time.sleep = self._sleep  # type: ignore[assignment]
        try:
            yield
        finally:
            time.monotonic, time.sleep, time.time = monotonic, sleep, wall
