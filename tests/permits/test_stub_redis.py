"""The stub answers and stores what a real server does, except where timing matters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from cams_qr.permits.scripts import TAKE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.valkey import Valkey
from tests.permits.stub_redis import Scores, StubRedis

# Runs any command inside the server, so that it is its way with Lua's values that is compared.
_THROUGH_LUA = "return redis.call(unpack(cjson.decode(ARGV[1])))"
_KEYS = st.sampled_from(["first", "second"])
_FIELDS = st.sampled_from(["a", "b", "0", "1"])
_NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(1_700_000_000_000_000, 1_700_000_000_000_009),
    st.sampled_from([0.5, -1.25, 1e16, 12345678.5]),
)
_BOUNDS = st.sampled_from(["-inf", "(0", "0", "(2", "2", "+inf", "1700000000000005", "(1700000000000005"])


def _command(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(st.just(name), *arguments).map(list)


COMMANDS = st.one_of(
    _command("TYPE", _KEYS),
    _command("DEL", _KEYS),
    _command("HSET", _KEYS, _FIELDS, _NUMBERS),
    _command("HGET", _KEYS, _FIELDS),
    _command("HMGET", _KEYS, _FIELDS, _FIELDS),
    _command("HDEL", _KEYS, _FIELDS),
    _command("EXISTS", _KEYS),
    _command("LPUSH", _KEYS, _NUMBERS),
    _command("RPUSH", _KEYS, _NUMBERS),
    _command("LINDEX", _KEYS, st.integers(-3, 3)),
    _command("LSET", _KEYS, st.integers(-3, 3), _NUMBERS),
    _command("LTRIM", _KEYS, st.just(0), st.integers(-1, 2)),
    _command("ZADD", _KEYS, _NUMBERS, _FIELDS),
    _command("ZSCORE", _KEYS, _FIELDS),
    _command("ZRANK", _KEYS, _FIELDS),
    _command("ZRANGE", _KEYS, st.just(0), st.sampled_from((0, -1))),
    _command("ZRANGE", _KEYS, st.just(1), st.just(1), st.just("WITHSCORES")),
    _command("ZREM", _KEYS, _FIELDS),
    _command("ZRANGEBYSCORE", _KEYS, _BOUNDS, _BOUNDS, st.just("WITHSCORES")),
    _command("ZRANGEBYSCORE", _KEYS, _BOUNDS, _BOUNDS, st.just("WITHSCORES"), st.just("LIMIT"), st.just(0), st.just(1)),
    _command("ZCARD", _KEYS),
    _command("ZCOUNT", _KEYS, _BOUNDS, _BOUNDS),
    _command("ZREMRANGEBYSCORE", _KEYS, _BOUNDS, _BOUNDS),
    _command("PEXPIRE", _KEYS, st.just(60_000)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    valkey = Valkey(tmp_path_factory.mktemp("valkey")).start()
    client = redis.Redis.from_url(valkey.url, decode_responses=True)
    yield client
    client.close()
    valkey.kill()


def stored(server: Any, key: str) -> Any:
    """A key's value, its type, and whether it expires."""
    kind = server.type(key)
    read = {
        "none": lambda: None,
        "string": lambda: server.get(key),
        "hash": lambda: server.hgetall(key),
        "list": lambda: server.lrange(key, 0, -1),
        "zset": lambda: dict(server.zrange(key, 0, -1, withscores=True)),
    }
    return kind, read[kind](), server.ttl(key) > 0


def kept(stub: StubRedis, key: str) -> Any:
    value = stub.keys.get(key)
    return str(stub.command("TYPE", key)), dict(value) if isinstance(value, Scores) else value, key in stub.expiries


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(COMMANDS, max_size=25))
def test_commands_answer_and_store_the_same(server: Any, commands: list[list[Any]]) -> None:
    server.flushall()
    stub = StubRedis(lambda: 1.7e9)
    for command in commands:
        text = json.dumps(command)
        theirs = _or_error(lambda text=text: server.eval(_THROUGH_LUA, 0, text))
        assert _or_error(lambda text=text: stub.run(_THROUGH_LUA, [], [text])) == theirs, command
    for key in ("first", "second"):
        assert kept(stub, key) == stored(server, key)


@pytest.mark.parametrize(
    "source",
    [
        "return {1, 1.9, -1.9, 'text', true, redis.call('GET', 'none'), 3}",
        "return {1, nil, 3}",
        "return {1, {2, {3}}, redis.call('TYPE', 'none')}",
        "return redis.call('TYPE', 'none').ok",
        "return 1/0",
        "return -1/0",
        "return 1e30",
        "return tostring(redis.call('HGET', 'none', 'a') == false)",
        "return string.format('%.0f', 1700000000123456) .. tostring(0.1) .. tostring(1e15)",
        "return cjson.decode(ARGV[1]).number",
        "return cjson.decode(ARGV[1]).text",
        "return tostring(cjson.decode(ARGV[1]).flag) .. tostring(cjson.decode(ARGV[1]).missing)",
        "redis.call('HSET', KEYS[1], 'x', 0.1) return redis.call('HGET', KEYS[1], 'x')",
        "redis.call('HSET', KEYS[1], 'x', 1e300) return redis.call('HGET', KEYS[1], 'x')",
        "return type(redis.pcall('INFO', 'server'))",
        "return tonumber('inf') == 1/0",
        "forgotten = 1",
        "return forgotten",
        "return redis.call('HSET', KEYS[1], 'x', nil)",
        "return redis.call('HSET', KEYS[1], 'x', true)",
    ],
)
def test_values_are_converted_the_same(server: Any, source: str) -> None:
    server.flushall()
    source = source.replace("redis.call('GET', 'none')", "redis.call('HGET', 'none', 'a')")
    argument = json.dumps({"number": 1700000000123456, "text": "t", "flag": False})
    stub = StubRedis(lambda: 1.7e9)

    def ours() -> Any:
        return stub.run(source, ["key"], [argument])

    theirs = _or_error(lambda: server.eval(source, 1, "key", argument))
    assert _or_error(ours) == theirs


def _or_error(run: Any) -> Any:
    try:
        return run()
    except Exception:
        return "error"


ASKS = st.lists(
    st.fixed_dictionaries(
        {
            "ticket": st.sampled_from(["a", "b", "c"]),
            "bulk": st.booleans(),
            "place": st.integers(1_699_999_999_999_990, 1_700_000_000_900_000),
            "again": st.integers(0, 3),
            "budget": st.sampled_from([0, 200_000, 2_000_000, 8_000_000]),
            "seat": st.integers(0, 3),
            "seats": st.integers(0, 5),
            "instance": st.sampled_from(["i", "j", "k"]),
            "took": st.integers(-5_000, 90_000),
            "reminds": st.booleans(),
            "since": st.integers(1_699_999_999_000_000, 1_700_000_001_000_000),
            "held": st.integers(1_699_999_999_000_000, 1_700_000_003_000_000),
        }
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKS)
def test_the_script_answers_and_stores_the_same(server: Any, asks: list[dict[str, Any]]) -> None:
    # Both on one clock, that each question sets, and long started.
    source = TAKE.replace("redis.call('TIME')", "{ask.now / 1000000, 0}")
    source = source.replace("redis.pcall('INFO', 'server')", "'uptime_in_seconds:99'")
    server.flushall()
    stub = StubRedis(lambda: 1.7e9)
    keys = ["state", "arrivals", "appointments", "set-aside", "seats", "bulk"]
    run = server.register_script(source)
    now = 1_700_000_000_000_000
    for ask in asks:
        now += 70_000
        question = json.dumps(_QUESTION | ask | {"heard": now, "now": now})
        theirs = run(keys=keys, args=[question])
        assert stub.run(source, keys, [question]) == theirs
        for key in keys:
            assert kept(stub, key) == stored(server, key)


_QUESTION = {
    "window": 1_000_000,
    "guardMin": 20_000,
    "guardMax": 60_000,
    "settle": 700_000,
    "horizon": 15_000_000,
    "growth": 0.01,
    "keptSeat": 3_000_000,
    "limit": 2,
    "patience": 2_000_000,
    "lead": 0,
    "blur": 500,
    "doubt": 30_000,
    "stepped": False,
}
