"""The emulator answers and stores what a real server does, except where timing matters."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cams_qr.permits import account
from local.valkey import Valkey
from testing.redis_emulator import CommandError, RedisEmulator, Scores

LUA = (account.__file__.rpartition("/")[0]) + "/lua/take.lua"
# Runs any command inside the server, so that it is its way with Lua's values that is compared.
THROUGH_LUA = "return redis.call(unpack(cjson.decode(ARGV[1])))"
KEYS = st.sampled_from(["first", "second"])
FIELDS = st.sampled_from(["a", "b", "0", "1"])
NUMBERS = st.sampled_from([-3, -1, 0, 1, 2, 1_700_000_000_000_003, 0.5, -1.25, 1e16, 12345678.5, "text", "inf"])
BOUNDS = st.sampled_from(["-inf", "0", "2", "+inf", "1700000000000005"])


def command(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(st.just(name), KEYS, *arguments).map(list)


COMMANDS = st.one_of(
    command("TYPE"),
    command("DEL"),
    command("SET", NUMBERS),
    command("PEXPIRE", st.just(60_000)),
    command("HSET", FIELDS, NUMBERS),
    command("HMGET", FIELDS, FIELDS),
    command("LPUSH", NUMBERS),
    command("RPUSH", NUMBERS),
    command("LINDEX", st.integers(-3, 3)),
    command("LRANGE", st.integers(-2, 1), st.integers(-1, 2)),
    command("LTRIM", st.just(0), st.integers(-1, 2)),
    command("ZADD", NUMBERS, FIELDS),
    command("ZREM", FIELDS),
    command("ZCARD"),
    command("ZRANGEBYSCORE", BOUNDS, BOUNDS),
    command("ZREMRANGEBYSCORE", BOUNDS, BOUNDS),
)
QUESTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "ticket": st.sampled_from(["a", "b", "c"]),
            "instance": st.sampled_from(["i", "j"]),
            "bulk": st.booleans(),
            "budget": st.sampled_from([0, 200_000, 2_000_000, 8_000_000]),
            "delay": st.sampled_from([0, 1_000, 90_000]),
            "lost": st.sampled_from([0, 0, 0, 1_500_000]),
            "promised": st.sampled_from([0, 2_000_000]),
            "queue": st.sampled_from([1, 1_700_000_000_070_000]),
            "held": st.sampled_from([0, 1, 1_700_000_003_000_000]),
        }
    ),
    max_size=30,
)
TERMS = {
    "window": 1_000_000,
    "horizon": 15_000_000,
    "guard": 35_000,
    "way": 7_500,
    "growth": 0.01,
    "decrease": 0.95,
    "limit": 2,
    "patience": 2_000_000,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    valkey = Valkey(tmp_path_factory.mktemp("valkey")).start()
    client = redis.Redis.from_url(valkey.url, decode_responses=True)
    yield client
    client.close()
    valkey.kill()


def stored(server: Any, key: str) -> Any:
    """A key's value, and whether it expires."""
    read: dict[str, Callable[[], object]] = {
        "none": lambda: None,
        "string": lambda: server.get(key),
        "hash": lambda: server.hgetall(key),
        "list": lambda: server.lrange(key, 0, -1),
        "zset": lambda: dict(server.zrange(key, 0, -1, withscores=True)),
    }
    return read[server.type(key)](), server.ttl(key) > 0


def kept(emulator: RedisEmulator, key: str) -> Any:
    value = emulator.keys.get(key)
    return dict(value) if isinstance(value, Scores) else value, key in emulator.expiries


def or_error(run: Any) -> Any:
    try:
        return run()
    except (redis.ResponseError, CommandError):
        return "error"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(COMMANDS, max_size=25))
def test_commands(server: Any, commands: list[list[Any]]) -> None:
    server.flushall()
    emulator = RedisEmulator(lambda: 1.7e9)
    for each in commands:
        text = json.dumps(each)
        theirs = or_error(lambda text=text: server.eval(THROUGH_LUA, 0, text))
        assert or_error(lambda text=text: emulator.run(THROUGH_LUA, [], [text])) == theirs, each
    for key in ("first", "second"):
        assert kept(emulator, key) == stored(server, key)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUESTIONS)
def test_the_script(server: Any, questions: list[dict[str, Any]]) -> None:
    """Both on one clock, which each question sets."""
    with open(LUA, encoding="utf-8") as file:
        clock = "local real = redis local redis = {call = function(name, ...) if name == 'TIME' then "
        clock += "return {math.floor(cjson.decode(ARGV[1]).now / 1e6), cjson.decode(ARGV[1]).now % 1e6} end "
        source = clock + "return real.call(name, ...) end}\n" + file.read()
    server.flushall()
    emulator, keys = RedisEmulator(lambda: 1.7e9), ["state", "arrivals", "appointments"]
    run = server.register_script(source)
    for number, question in enumerate(questions):
        text = json.dumps({**TERMS, **question, "now": 1_700_000_000_000_000 + 70_000 * (number + 1)})
        assert emulator.run(source, keys, [text]) == run(keys=keys, args=[text])
        for key in keys:
            assert kept(emulator, key) == stored(server, key)
