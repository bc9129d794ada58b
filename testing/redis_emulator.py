"""An in-process Redis for the permits' script: the commands it uses, on a clock that the caller sets.

`tests/permits/test_emulator.py` compares it with a real server.
"""

import json
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lupa import lua51

# As Redis' sandbox: a script that makes or reads a global variable fails.
_SANDBOX = """
  redis = {call = call}
  cjson = {decode = decode}
  call, decode = nil, nil
  setmetatable(_G, {
    __newindex = function(_, name) error('Attempt to modify a readonly table: ' .. tostring(name), 2) end,
    __index = function(_, name) error('Script attempted to access nonexistent global variable ' .. name, 2) end,
  })
"""
_INT64_MIN = -(2**63)

Command = tuple[str, ...]


class CommandError(Exception):
    """What Redis answers with an error."""


class Scores(dict[str, float]):
    """A sorted set."""

    def between(self, least: str, most: str) -> list[tuple[str, float]]:
        """Its members with such scores, as Redis orders them."""
        found = [(member, score) for member, score in self.items() if _between(score, least, most)]
        return sorted(found, key=lambda pair: (pair[1], pair[0]))


class Status(str):
    """A status reply."""


_TYPES: dict[type, str] = {dict: "hash", list: "list", str: "string", Scores: "zset"}


class RedisEmulator:
    """Keys, their expiries and scripts. `clock` tells the server's time in seconds.

    `alter` may change what a script's command does, or drop it with an empty tuple.
    """

    def __init__(
        self, clock: Callable[[], float], alter: Callable[[Command], Command] = lambda command: command
    ) -> None:
        self._clock = clock
        self._alter = alter
        self.keys: dict[str, Any] = {}
        self.expiries: dict[str, float] = {}
        # The commands that the last script ran.
        self.journal: list[Command] = []
        self._lua = lua51.LuaRuntime(unpack_returned_tuples=False)
        names = self._lua.globals()
        names.call, names.decode = self._call, self._decode
        self._lua.execute(_SANDBOX)
        self._compiled = lru_cache(lambda source: self._lua.eval(f"function(KEYS, ARGV) {source}\nend"))

    def run(self, source: str, keys: list[str], arguments: list[str]) -> Any:
        """A script's reply, as a client has it. Raises CommandError, lua51.LuaError."""
        now = self._clock()
        for key in [key for key, until in self.expiries.items() if until <= now]:
            self._del(key)
        self.journal.clear()
        script = self._compiled(source)
        return self._reply(script(self._lua.table_from(keys), self._lua.table_from(arguments)))

    def flush(self) -> None:
        """FLUSHALL."""
        self.keys.clear()
        self.expiries.clear()

    def command(self, *arguments: Any) -> Any:
        """One command's reply: int, str, None, Status or list of these. Raises CommandError."""
        name, *rest = [_text(argument) for argument in arguments]
        method = getattr(self, f"_{name.lower()}", None)
        if method is None:
            raise CommandError(f"ERR unknown command '{name}'")
        reply = method(*rest)
        for key in rest[:1]:
            if key in self.keys and self.keys[key] in ({}, []):
                self._del(key)
        return reply

    # Between Lua and Redis

    def _call(self, *arguments: Any) -> Any:
        command = self._alter(tuple(_text(argument) for argument in arguments))
        self.journal.append(command)
        return self._to_lua(self.command(*command)) if command else self._to_lua([])

    def _to_lua(self, reply: Any) -> Any:
        if reply is None:
            return False
        if isinstance(reply, Status):
            return self._lua.table_from({"ok": str(reply)})
        if isinstance(reply, list):
            return self._lua.table_from([self._to_lua(item) for item in reply])
        return reply

    def _reply(self, value: Any) -> Any:
        if value is None or value is False:
            return None
        if isinstance(value, (bool, int, float)):
            return _integer(value)
        if isinstance(value, str):
            return value
        if "ok" in value:
            return Status(value["ok"])
        items: list[Any] = []
        while (item := value[len(items) + 1]) is not None:
            items.append(self._reply(item))
        return items

    def _decode(self, text: str) -> Any:
        value = json.loads(text)
        return self._lua.table_from(value) if isinstance(value, (dict, list)) else value

    # Keys

    def _time(self) -> list[str]:
        micros = round(self._clock() * 1_000_000)
        return [str(micros // 1_000_000), str(micros % 1_000_000)]

    def _type(self, key: str) -> Status:
        return Status(_TYPES[type(self.keys[key])] if key in self.keys else "none")

    def _del(self, *keys: str) -> int:
        for key in keys:
            self.expiries.pop(key, None)
        return sum(self.keys.pop(key, None) is not None for key in keys)

    def _set(self, key: str, value: str) -> Status:
        self._del(key)
        self.keys[key] = value
        return Status("OK")

    def _pexpire(self, key: str, milliseconds: str) -> int:
        if key in self.keys:
            self.expiries[key] = self._clock() + _whole(milliseconds) / 1000
        return int(key in self.keys)

    def _typed(self, key: str, kind: type) -> Any:
        """The key's value, which is made if there is none, and goes if it stays empty."""
        value = self.keys.setdefault(key, kind())
        if type(value) is not kind:
            raise CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    # Hashes

    def _hmget(self, key: str, *fields: str) -> list[str | None]:
        return [self._typed(key, dict).get(field) for field in fields]

    def _hset(self, key: str, *pairs: str) -> int:
        if not pairs or len(pairs) % 2:
            raise CommandError("ERR wrong number of arguments for 'hset' command")
        found = self._typed(key, dict)
        before = len(found)
        found.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(found) - before

    # Lists

    def _rpush(self, key: str, *values: str) -> int:
        found = self._typed(key, list)
        found.extend(values)
        return len(found)

    def _lpush(self, key: str, *values: str) -> int:
        found = self._typed(key, list)
        found[:0] = values[::-1]
        return len(found)

    def _lindex(self, key: str, index: str) -> str | None:
        found, at = self._typed(key, list), _whole(index)
        return found[at] if -len(found) <= at < len(found) else None

    def _lrange(self, key: str, first: str, last: str) -> list[str]:
        return list(self._typed(key, list)[_whole(first) : _whole(last) + 1 or None])

    def _ltrim(self, key: str, first: str, last: str) -> Status:
        found = self._typed(key, list)
        found[:] = found[_whole(first) : _whole(last) + 1 or None]
        return Status("OK")

    # Sorted sets

    def _zadd(self, key: str, score: str, member: str) -> int:
        number, found = _float(score), self._typed(key, Scores)
        new = member not in found
        found[member] = number
        return int(new)

    def _zrem(self, key: str, *members: str) -> int:
        found = self._typed(key, Scores)
        return sum(found.pop(member, None) is not None for member in members)

    def _zcard(self, key: str) -> int:
        return len(self._typed(key, Scores))

    def _zrangebyscore(self, key: str, least: str, most: str) -> list[str]:
        return [member for member, _ in self._typed(key, Scores).between(least, most)]

    def _zremrangebyscore(self, key: str, least: str, most: str) -> int:
        found = self._typed(key, Scores)
        return sum(found.pop(member) is not None for member, _ in found.between(least, most))


def _text(argument: Any) -> str:
    if isinstance(argument, bool) or not isinstance(argument, (str, int, float)):
        raise CommandError("ERR Command arguments must be strings or integers")
    return argument if isinstance(argument, str) else _number_text(argument)


def _number_text(number: float) -> str:
    # As Valkey does; Redis writes 17 digits.
    if math.isfinite(number) and number == int(number) and abs(number) <= (2**63 - 1) // 2:
        return str(int(number))
    return repr(number)


def _integer(number: float) -> int:
    return int(number) if abs(number) < 2**63 else _INT64_MIN


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CommandError("ERR value is not an integer or out of range") from None


def _float(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise CommandError("ERR value is not a valid float")
    return number


def _between(score: float, least: str, most: str) -> bool:
    return _float(least) <= score <= _float(most)
