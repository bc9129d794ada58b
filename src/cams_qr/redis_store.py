"""The connection to Redis, Valkey or Tair: it answers quickly, or counts as unavailable until it does again."""

import hashlib
import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from cams_qr import logs
from cams_qr.deadline import Deadline
from cams_qr.sockets import open_socket

# The most that an unavailable Redis may cost a caller: a connection and an answer.
CONNECT_SECONDS = 0.045
ANSWER_SECONDS = 0.15
PROBE_SECONDS = 0.4
# A process that notices a deadline this late was itself held up: frozen, or on busy cores.
_HELD_UP_SECONDS = 0.01

T = TypeVar("T")


class StoreUnavailable(Exception):
    """Redis did not answer, or refused; continue without it."""


class _Connection(redis.Connection):
    """A connection whose setup is bounded as a whole, name resolution included."""

    def _connect(self) -> socket.socket:
        deadline = Deadline.after(CONNECT_SECONDS)
        try:
            sock = open_socket(self.host, self.port, deadline)
        except TimeoutError:
            # A process that was held up has used none of that time.
            if time.monotonic() - deadline.at < _HELD_UP_SECONDS:
                raise
            sock = open_socket(self.host, self.port, Deadline.after(CONNECT_SECONDS))
        sock.settimeout(ANSWER_SECONDS)
        return sock


class _TlsConnection(redis.SSLConnection, _Connection):
    """The same over TLS."""


class Client:
    """Sends commands to one server."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool: Any = pool

    def execute(self, *command: str | bytes | int) -> Any:
        """Send a command and return the answer. Raises redis.RedisError or OSError."""
        connection = self._pool.get_connection()
        try:
            return connection.retry.call_with_retry(
                lambda: _exchange(connection, command), lambda error: connection.disconnect()
            )
        finally:
            self._pool.release(connection)

    def disconnect(self) -> None:
        """Close all connections."""
        self._pool.disconnect()


def _exchange(connection: Any, command: tuple[str | bytes | int, ...]) -> Any:
    connection.send_command(*command)
    return connection.read_response()


class Store:
    """A Redis client that fails within 0.2 s, and then is tried again only every PROBE_SECONDS.

    While Redis is unavailable, only a `probe` is sent. It must be an operation that writes, so that a read-only or full
    server does not count as recovered.
    """

    def __init__(self, url: str) -> None:
        pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            # A connection that died while the instance was frozen costs a reconnect.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            protocol=2,
            driver_info=None,
            max_connections=64,
        )
        pool.connection_class = _TlsConnection if pool.connection_class is redis.SSLConnection else _Connection
        self._client = Client(pool)
        self._down = False
        self.next_probe = 0.0

    def ask(self, operation: Callable[[Client], T], probe: bool = False) -> T:
        """Run one operation. Raises StoreUnavailable."""
        if self._down and not (probe and time.monotonic() >= self.next_probe):
            raise StoreUnavailable
        try:
            answer = operation(self._client)
        except (redis.RedisError, OSError) as error:
            # A probe looks for exactly this: a refusal to write. For other operations it says nothing about the server.
            if probe or not isinstance(error, redis.ResponseError):
                self._failed(error)
            raise StoreUnavailable from None
        if self._down:
            self._down = False
            logs.log(logging.WARNING, {"redis": "available"})
        return answer

    def attempt(self, operation: Callable[[Client], T], default: T) -> T:
        """Run one operation, or return the default if the store is unavailable."""
        try:
            return self.ask(operation)
        except StoreUnavailable:
            return default

    def script(self, source: str) -> "Script":
        """A Lua script; a model of Redis runs it in its own way."""
        return Script(source)

    def _failed(self, error: Exception) -> None:
        # After a failover the name resolves to another server, while connections to the old one may live on.
        self._client.disconnect()
        self.next_probe = time.monotonic() + PROBE_SECONDS
        if not self._down:
            self._down = True
            logs.log(logging.WARNING, {"redis": "unavailable", "reason": type(error).__name__})


class Script:
    """A Lua script. Its source is sent only if the server does not have it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run it and return the answer. Raises redis.RedisError or OSError."""
        try:
            return client.execute("EVALSHA", self._digest, len(keys), *keys, *args)
        except NoScriptError:
            return client.execute("EVAL", self._source, len(keys), *keys, *args)
