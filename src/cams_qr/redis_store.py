"""The connection to Redis, Valkey or Tair: it answers quickly, or counts as unavailable until it does again."""

import hashlib
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.connection import parse_url

from cams_qr import logs
from cams_qr.deadline import Deadline, invocation_end
from cams_qr.sockets import open_socket, seconds_left, wrap_socket

ANSWER_SECONDS = 0.15
# The most that an unavailable Redis may cost a caller: an answer, and a connection before it.
_EXCHANGE_SECONDS = ANSWER_SECONDS + 0.045
PROBE_SECONDS = 0.4
# Twice the longest list, whose JSON is longer here than CAMS's.
_MAX_EXCHANGE_BYTES = 16 * 1024 * 1024

Command = tuple[str | bytes | int, ...]
T = TypeVar("T")


class StoreUnavailable(Exception):
    """Redis did not answer, or refused; continue without it."""


class _BoundedSocket:
    """A socket on which everything ends by one deadline. Its own timeouts start anew with each byte that arrives.

    What does not end within _MAX_EXCHANGE_BYTES counts as late, too.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self.restart(deadline)

    def restart(self, deadline: Deadline) -> None:
        """Begin the next exchange."""
        self._deadline = deadline
        self._is_late = False
        self._room = _MAX_EXCHANGE_BYTES

    def recv(self, size: int) -> bytes:
        """Receive what arrives next. Raises TimeoutError."""
        if self._is_late or self._room < 0:
            raise TimeoutError
        # If this process was held up, what has arrived meanwhile counts, once.
        seconds = self._deadline.remaining()
        self._is_late = seconds == 0
        self._sock.settimeout(max(seconds, 0.001))
        received = self._sock.recv(size)
        self._room -= len(received)
        return received

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises TimeoutError."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(seconds_left(self._deadline))
            rest = rest[self._sock.send(rest) :]

    def __getattr__(self, name: str) -> Any:
        """Whatever else a socket has."""
        return getattr(self._sock, name)


class _Connection(redis.Connection):
    """A connection whose exchanges are bounded as a whole: resolving, connecting, TLS, AUTH, SELECT and the answers."""

    def __init__(self, tls: ssl.SSLContext | None, options: dict[str, Any]) -> None:
        # With driver_info, redis-py would tell the server its version, which takes two further round trips.
        super().__init__(protocol=2, driver_info=None, **options)
        self._tls = tls
        self._deadline = Deadline(0.0)
        self._unread = 0

    def exchange(self, commands: Sequence[Command], deadline: Deadline, waits: bool) -> list[Any]:
        """Send commands and return their answers; a refusal is an exception among them. Raises redis.RedisError.

        If it does not wait for the answers, the next exchange skips them.
        """
        self._deadline = deadline
        if self._sock is None:
            self.connect()
        else:
            self._sock.restart(deadline)
        self.send_packed_command(self.pack_commands(commands))
        self._unread += len(commands)
        if not waits:
            return []
        answers = [self._answer() for _ in range(self._unread)]
        self._unread = 0
        return answers[-len(commands) :]

    def _answer(self) -> Any:
        try:
            return self.read_response()
        except redis.ResponseError as refusal:
            return refusal

    def _connect(self) -> _BoundedSocket:
        sock = open_socket(self.host, self.port, self._deadline)
        if self._tls:
            sock = wrap_socket(self._tls, sock, self.host, self._deadline)
        return _BoundedSocket(sock, self._deadline)


class Client:
    """Sends commands to one server."""

    def __init__(self, url: str, ca_file: str | None) -> None:
        self._options = parse_url(url)
        is_tls = self._options.pop("connection_class", None) is not None
        self._tls = ssl.create_default_context(cafile=ca_file) if is_tls else None
        self._idle: deque[_Connection] = deque()

    def execute(self, *command: str | bytes | int) -> Any:
        """Send a command and return the answer. Raises redis.RedisError."""
        (answer,) = self.exchange([command])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def exchange(self, commands: Sequence[Command], waits: bool = True) -> list[Any]:
        """Send commands at once and return their answers, some of which may be exceptions. Raises redis.RedisError.

        If it does not wait for them, there are no answers.
        """
        deadline = min(Deadline.after(_EXCHANGE_SECONDS), invocation_end())
        try:
            connection = self._idle.pop()
            answers = connection.exchange(commands, deadline, waits)
        except (IndexError, redis.ConnectionError):
            # There was none, or it died while the instance was frozen, which costs a reconnect.
            connection = _Connection(self._tls, self._options)
            answers = connection.exchange(commands, deadline, waits)
        self._idle.append(connection)
        return answers

    def disconnect(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().disconnect()


class Store:
    """A Redis client that fails within 0.2 s, and then is tried again only every PROBE_SECONDS.

    While Redis is unavailable, only a `probe` is sent. It must be an operation that writes, so that a read-only or full
    server does not count as recovered. `ca_file` names the certificates to trust instead of the system's.
    """

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        self._client = Client(url, ca_file)
        self._down = False
        self.next_probe = 0.0

    def ask(self, operation: Callable[[Client], T], probe: bool = False) -> T:
        """Run one operation. Raises StoreUnavailable."""
        time_left = invocation_end().remaining()
        if time_left <= 0 or (self._down and not (probe and time.monotonic() >= self.next_probe)):
            raise StoreUnavailable
        try:
            answer = operation(self._client)
        except (redis.RedisError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            # All but the first: an answer of another shape than that of a Redis with our scripts.
            # A probe looks for a refusal to write. For other operations a refusal says nothing about the server, nor
            # does that it was slower than what was left of the invocation.
            is_cut_short = isinstance(error, redis.TimeoutError) and time_left < _EXCHANGE_SECONDS
            if not is_cut_short and (probe or not isinstance(error, redis.ResponseError)):
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

    def tell(self, command: Command) -> None:
        """Send a command, if the store is available, and do not wait for its answer."""
        self.attempt(lambda client: client.exchange([command], waits=False), [])

    def script(self, source: str) -> "Script":
        """A Lua script; a model of Redis runs it in its own way."""
        return Script(source)

    def _failed(self, error: Exception) -> None:
        # After a failover the name resolves to another server, while connections to the old one may live on.
        self._client.disconnect()
        self.next_probe = time.monotonic() + PROBE_SECONDS
        if not self._down:
            self._down = True
            logs.log(logging.WARNING, {"redis": "unavailable", "reason": _reason(error)})


class Script:
    """A Lua script. Its source is sent only if the server does not have it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run it and return the answer. Raises redis.RedisError."""
        return self.run_with((), client, keys, args)[0]

    def run_with(
        self, also: Sequence[Command], client: Client, keys: Sequence[str], args: Sequence[str | bytes | int]
    ) -> tuple[Any, list[Any]]:
        """Run it, and other commands in the same exchange; returns its answer, and theirs if none was refused.

        Raises redis.RedisError.
        """
        script = (len(keys), *keys, *args)
        answer, *others = client.exchange([("EVALSHA", self._digest, *script), *also])
        if isinstance(answer, exceptions.NoScriptError):
            answer, *others = client.exchange([("EVAL", self._source, *script), *also])
        if isinstance(answer, Exception):
            raise answer
        return answer, [] if any(isinstance(other, Exception) for other in others) else others


# The first match counts.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "dns"),
    (TimeoutError, "timeout"),
    (redis.TimeoutError, "timeout"),
    (ssl.SSLError, "tls"),
    (ConnectionResetError, "reset"),
    (OSError, "connect"),
    (redis.AuthenticationError, "wrong_password"),
    (exceptions.NoPermissionError, "no_permission"),
    (redis.ReadOnlyError, "read_only"),
    (redis.OutOfMemoryError, "out_of_memory"),
    (redis.BusyLoadingError, "loading"),
    (redis.ConnectionError, "reset"),
)
# OpenSSL's numbers of these faults. Source: openssl/x509_vfy.h, X509_V_ERR_*: self-signed or without a known issuer.
_UNKNOWN_CA = {18, 19, 20, 21}


def _reason(error: BaseException) -> str:
    """Why Redis is unavailable, in one of the words that docs/operations.md explains; never a text from outside."""
    # redis-py wraps what the socket raised.
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in _UNKNOWN_CA:
        return "unknown_ca"
    if isinstance(error, redis.ResponseError) and "lua script" in str(error).lower():
        return "script_refused"
    return next((word for kind, word in _REASONS if isinstance(cause, kind)), "refused")
