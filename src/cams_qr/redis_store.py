"""The connection to Redis, Valkey or Tair: answers at once, or counts as absent until it does again."""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

from cams_qr import logs
from cams_qr.deadline import Deadline
from cams_qr.imports.deferred import deferring
from cams_qr.sockets import open_socket

# What a client of one server has no use for: two thirds of what redis-py imports.
DEFERRED = (
    "asyncio",
    "importlib.metadata",
    "redis._himport_exec",
    "redis._parsers.commands",
    "redis._parsers.hiredis",
    "redis._parsers.resp3",
    "redis.asyncio",
    "redis.auth",
    "redis.cache",
    "redis.cluster",
    "redis.commands.cluster",
    "redis.keyspace_notifications",
    "redis.lock",
    "redis.maint_notifications",
    "redis.observability.config",
    "redis.observability.metrics",
    "redis.observability.registry",
    "redis.sentinel",
)

with deferring(*DEFERRED):
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

# What a caller may lose to a Redis that is there no more: a connection and an answer.
CONNECT_SECONDS = 0.045
ANSWER_SECONDS = 0.15
PROBE_SECONDS = 0.4
# Who notices a deadline so late was held up itself, frozen or on busy cores.
_HELD_UP_SECONDS = 0.01

T = TypeVar("T")


class StoreUnavailable(Exception):
    """Redis could not be asked, or refused; go on without it."""


class _Connection(redis.Connection):
    """One whose connecting is bounded as a whole, name resolution and all."""

    def _connect(self) -> socket.socket:
        deadline = Deadline.after(CONNECT_SECONDS)
        try:
            sock = open_socket(self.host, self.port, deadline)
        except TimeoutError:
            # A process that stood still has used none of the time.
            if time.monotonic() - deadline.at < _HELD_UP_SECONDS:
                raise
            sock = open_socket(self.host, self.port, Deadline.after(CONNECT_SECONDS))
        sock.settimeout(ANSWER_SECONDS)
        return sock


class _TlsConnection(redis.SSLConnection, _Connection):
    """The same below TLS."""


class Store:
    """A Redis client that fails within 0.2 s, and after a failure is left alone for PROBE_SECONDS at a time.

    While it is unavailable only a `probe` asks it; that must be an operation that writes, so that a read-only or
    full server does not count as back.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            # A connection that died while the instance was frozen costs a reconnect.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            protocol=2,
            driver_info=None,
            max_connections=64,
        )
        pool = self._redis.connection_pool
        pool.connection_class = _TlsConnection if pool.connection_class is redis.SSLConnection else _Connection
        self._down = False
        self.next_probe = 0.0

    def ask(self, operation: "Callable[[redis.Redis], T]", probe: bool = False) -> T:
        """Run one operation. Raises StoreUnavailable."""
        if self._down and not (probe and time.monotonic() >= self.next_probe):
            raise StoreUnavailable
        try:
            answer = operation(self._redis)
        except (redis.RedisError, OSError) as error:
            # A refusal to write is what a probe is for; of any other operation it says nothing about the server.
            if probe or not isinstance(error, redis.ResponseError):
                self._failed(error)
            raise StoreUnavailable from None
        if self._down:
            self._down = False
            logs.log(logging.WARNING, {"redis": "available"})
        return answer

    def attempt(self, operation: "Callable[[redis.Redis], T]", default: T) -> T:
        """Run one operation, or give the default where the store is unavailable."""
        try:
            return self.ask(operation)
        except StoreUnavailable:
            return default

    def script(self, source: str) -> Callable[..., Any]:
        """A Lua script as a function of keys and arguments, sent whole only where the server does not have it."""
        return self._redis.register_script(source)

    def _failed(self, error: Exception) -> None:
        # After a failover the name leads elsewhere, and a connection to the old server may live on.
        self._redis.connection_pool.disconnect()
        self.next_probe = time.monotonic() + PROBE_SECONDS
        if not self._down:
            self._down = True
            logs.log(logging.WARNING, {"redis": "unavailable", "reason": type(error).__name__})
