"""An in-process Redis for the permits' scripts: the commands they use, on a clock that the caller sets.

`test_stub_redis.py` compares it with a real server.
"""

import json
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lupa import lua51

# As Redis' sandbox: a script that makes or reads a global variable fails.
_SANDBOX = """
  redis = {call = call, pcall = pcall_}
  cjson = {decode = decode, encode = encode}
  call, pcall_, decode, encode = nil, nil, nil, nil
  setmetatable(_G, {
    __newindex = function(_, name) error('Attempt to modify a readonly table: ' .. tostring(name), 2) end,
    __index = function(_, name) error('Script attempted to access nonexistent global variable ' .. name, 2) end,
  })
"""
_TYPES: dict[type, str] = {dict: "hash", list: "list", str: "string"}
# In one run of a script.
MOST_COMMANDS = 400_000
_INT64_MIN = -(2**63)


class CommandError(Exception):
    """What Redis answers with an error."""


class RunawayError(Exception):
    """A script does not end."""


class Scores(dict[str, float]):
    """A sorted set."""

    def ordered(self) -> list[tuple[str, float]]:
        """Its members as Redis orders them."""
        return sorted(self.items(), key=lambda item: (item[1], item[0]))


class Status(str):
    """A status reply."""


class StubRedis:
    """Keys, their expiries and scripts; `clock` tells the server's time, `uptime` how long it runs, both in seconds."""

    def __init__(self, clock: Callable[[], float], uptime: Callable[[], float] = lambda: 1e6) -> None:
        self._clock = clock
        self._uptime = uptime
        self.keys: dict[str, Any] = {}
        self.expiries: dict[str, float] = {}
        # The commands that the last script ran.
        self.journal: list[tuple[str, ...]] = []
        self._lua = lua51.LuaRuntime(unpack_returned_tuples=False)
        names = self._lua.globals()
        names.call, names.pcall_ = self._call, self._pcall
        names.decode, names.encode = self._decode, self._encode
        self._lua.execute(_SANDBOX)
        self._compiled = lru_cache(lambda source: self._lua.eval(f"function(KEYS, ARGV) {source}\nend"))

    def run(self, source: str, keys: list[str], arguments: list[str]) -> Any:
        """A script's reply, as a client has it. Raises CommandError, RunawayError, lua51.LuaError."""
        self._expire()
        self.journal.clear()
        script = self._compiled(source)
        return self._reply(script(self._lua.table_from(keys), self._lua.table_from(arguments)))

    def flush(self) -> None:
        """FLUSHALL."""
        self.keys.clear()
        self.expiries.clear()

    def command(self, *arguments: Any) -> Any:
        """One command's reply: int, str, None, Status or list of these. Raises CommandError."""
        if len(self.journal) >= MOST_COMMANDS:
            raise RunawayError(f"more than {MOST_COMMANDS} commands")
        name, *rest = [_text(argument) for argument in arguments]
        self.journal.append((name, *rest))
        method = getattr(self, f"_{name.lower()}", None)
        if method is None:
            raise CommandError(f"ERR unknown command '{name}'")
        reply = method(*rest)
        for key in rest[:1]:
            if key in self.keys and self.keys[key] in ({}, []):
                self._del(key)
        return reply

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, until in self.expiries.items() if until <= now]:
            self._del(key)

    # Between Lua and Redis

    def _call(self, *arguments: Any) -> Any:
        return self._to_lua(self.command(*arguments))

    def _pcall(self, *arguments: Any) -> Any:
        try:
            return self._call(*arguments)
        except CommandError as error:
            return self._lua.table_from({"err": str(error)})

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
        if value is True:
            return 1
        if isinstance(value, (int, float)):
            return _integer(value)
        if isinstance(value, str):
            return value
        if "ok" in value:
            return Status(value["ok"])
        return self._items(value)

    def _items(self, table: Any) -> list[Any]:
        items: list[Any] = []
        while (item := table[len(items) + 1]) is not None:
            items.append(self._reply(item))
        return items

    def _decode(self, text: str) -> Any:
        return self._from_json(json.loads(text))

    def _from_json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._lua.table_from({name: self._from_json(item) for name, item in value.items()})
        if isinstance(value, list):
            return self._lua.table_from([self._from_json(item) for item in value])
        return value

    def _encode(self, value: Any) -> str:
        return json.dumps(dict(value) if lua51.lua_type(value) == "table" else value, separators=(",", ":"))

    # Keys

    def _type(self, key: str) -> Status:
        value = self.keys.get(key)
        return Status("none" if value is None else "zset" if isinstance(value, Scores) else _TYPES[type(value)])

    def _exists(self, key: str) -> int:
        return int(key in self.keys)

    def _del(self, *keys: str) -> int:
        found = [key for key in keys if key in self.keys]
        for key in found:
            del self.keys[key]
            self.expiries.pop(key, None)
        return len(found)

    def _set(self, key: str, value: str) -> Status:
        self._del(key)
        self.keys[key] = value
        return Status("OK")

    def _pexpire(self, key: str, milliseconds: str) -> int:
        if key not in self.keys:
            return 0
        self.expiries[key] = self._clock() + _whole(milliseconds) / 1000
        return 1

    def _time(self) -> list[str]:
        micros = round(self._clock() * 1_000_000)
        return [str(micros // 1_000_000), str(micros % 1_000_000)]

    def _info(self, section: str) -> str:
        return f"# Server\r\nuptime_in_seconds:{int(self._uptime())}\r\nuptime_in_days:0\r\n"

    def _typed(self, key: str, kind: type, create: bool = False) -> Any:
        value = self.keys.get(key)
        if value is None:
            value = kind()
            if create:
                self.keys[key] = value
        if type(value) is not kind:
            raise CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    # Hashes

    def _hget(self, key: str, field: str) -> str | None:
        found: str | None = self._typed(key, dict).get(field)
        return found

    def _hmget(self, key: str, *fields: str) -> list[str | None]:
        found = self._typed(key, dict)
        return [found.get(field) for field in fields]

    def _hset(self, key: str, *pairs: str) -> int:
        if not pairs or len(pairs) % 2:
            raise CommandError("ERR wrong number of arguments for 'hset' command")
        found = self._typed(key, dict, create=True)
        before = len(found)
        found.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(found) - before

    def _hdel(self, key: str, *fields: str) -> int:
        found = self._typed(key, dict)
        return sum(found.pop(field, None) is not None for field in fields)

    # Lists

    def _rpush(self, key: str, *values: str) -> int:
        found = self._typed(key, list, create=True)
        found.extend(values)
        return len(found)

    def _lpush(self, key: str, *values: str) -> int:
        found = self._typed(key, list, create=True)
        found[:0] = values[::-1]
        return len(found)

    def _lindex(self, key: str, index: str) -> str | None:
        found, at = self._typed(key, list), _whole(index)
        return found[at] if -len(found) <= at < len(found) else None

    def _lset(self, key: str, index: str, value: str) -> Status:
        found, at = self._typed(key, list), _whole(index)
        if not -len(found) <= at < len(found):
            raise CommandError("ERR index out of range")
        found[at] = value
        return Status("OK")

    def _ltrim(self, key: str, first: str, last: str) -> Status:
        found = self._typed(key, list)
        found[:] = found[_whole(first) : _whole(last) + 1 or None]
        return Status("OK")

    # Sorted sets

    def _zscore(self, key: str, member: str) -> str | None:
        score = self._typed(key, Scores).get(member)
        return None if score is None else _number_text(score)

    def _zadd(self, key: str, score: str, member: str) -> int:
        number = _float(score)
        found = self._typed(key, Scores, create=True)
        new = member not in found
        found[member] = number
        return int(new)

    def _zrem(self, key: str, *members: str) -> int:
        found = self._typed(key, Scores)
        return sum(found.pop(member, None) is not None for member in members)

    def _zrange(self, key: str, first: str, last: str, *options: str) -> list[str]:
        return _shown(self._typed(key, Scores).ordered()[_whole(first) : _whole(last) + 1 or None], options)

    def _zrank(self, key: str, member: str) -> int | None:
        members = self._zrange(key, "0", "-1")
        return members.index(member) if member in members else None

    def _zcard(self, key: str) -> int:
        return len(self._typed(key, Scores))

    def _zcount(self, key: str, least: str, most: str) -> int:
        return sum(_between(score, least, most) for score in self._typed(key, Scores).values())

    def _zrangebyscore(self, key: str, least: str, most: str, *options: str) -> list[str]:
        scored = [pair for pair in self._typed(key, Scores).ordered() if _between(pair[1], least, most)]
        names = [option.upper() for option in options]
        if "LIMIT" in names:
            offset, count = (_whole(option) for option in options[names.index("LIMIT") + 1 :][:2])
            scored = scored[offset : offset + count if count >= 0 else None]
        return _shown(scored, options)

    def _zremrangebyscore(self, key: str, least: str, most: str) -> int:
        found = self._typed(key, Scores)
        gone = [member for member, score in found.items() if _between(score, least, most)]
        for member in gone:
            del found[member]
        return len(gone)


def _shown(scored: list[tuple[str, float]], options: tuple[str, ...]) -> list[str]:
    if "WITHSCORES" in map(str.upper, options):
        return [text for member, score in scored for text in (member, _number_text(score))]
    return [member for member, _ in scored]


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
    if not math.isfinite(number) or abs(number) >= 2**63:
        return _INT64_MIN
    return int(number)


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
    low, high = _float(least.lstrip("(")), _float(most.lstrip("("))
    above = score > low if least.startswith("(") else score >= low
    below = score < high if most.startswith("(") else score <= high
    return above and below
