"""The HTTP connection to CAMS: kept alive, and bounded in time and size from name resolution to the last byte.

The SDK sends through a `requests` session, whose timeouts only bound single socket operations: a slow resolver, several
dead addresses or a slowly trickling body can take longer. It would also follow redirects, with the security token, and
read bodies of any size. BoundedAdapter is mounted in that session and does none of this.
"""

import http.client
import io
import json
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import certifi
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from cams_qr.deadline import Deadline, Departure, DepartureMissed
from cams_qr.query import is_quick_to_parse
from cams_qr.sockets import open_socket, seconds_left, wrap_socket

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_IDLE_SECONDS = 30

Reason = Literal[
    "timeout",
    "unfinished",
    "dns",
    "tls",
    "connect",
    "reset",
    "truncated",
    "too_large",
    "unexpected_status",
    "server_error",
    "malformed",
    "not_json",
]


class TransportError(Exception):
    """There is no usable HTTP answer; `reason` says why. Contains no URL and no text from outside."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


_timing: ContextVar[tuple[Departure, Deadline] | None] = ContextVar("timing", default=None)


@contextmanager
def timed(departure: Departure, deadline: Deadline) -> Iterator[None]:
    """Within this block, a request leaves at its departure, signed and on an open connection, or not at all.

    The deadline bounds the whole exchange, instead of the SDK's timeouts.
    """
    token = _timing.set((departure, deadline))
    try:
        yield
    finally:
        _timing.reset(token)


def _at_once(timeouts: tuple[float, float]) -> tuple[Departure, Deadline]:
    """What bounds a request that is not `timed`, to another of the vendor's services at the same address."""
    deadline = Deadline.after(sum(timeouts))
    return Departure(0.0, deadline.at), deadline


def _wait_to_leave(departure: Departure) -> None:
    time.sleep(max(0.0, departure.at - time.monotonic()))
    if time.monotonic() > departure.until:
        raise DepartureMissed


def json_object(body: bytes) -> dict[str, Any] | None:
    """Parse a body that is a JSON object; None for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


class BoundedAdapter(BaseAdapter):
    """A `requests` adapter for exchanges that are `timed`.

    `answered` is called for every answer, whatever it contains, with the seconds that it took.

    There are no redirects, no compression, no proxies, and no bodies above MAX_BODY_BYTES. TLS is always verified, with
    certifi's roots or those in SSL_CERT_FILE. Connections are kept for MAX_IDLE_SECONDS.
    """

    def __init__(self, tls: bool, answered: Callable[[float], None]) -> None:
        super().__init__()
        self._tls = _tls_context() if tls else None
        self._answered = answered
        self._idle: deque[_Connection] = deque()

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read its whole response. Raises TransportError and DepartureMissed."""
        try:
            return self._exchange(request, *(_timing.get() or _at_once(timeout)))
        except (OSError, http.client.HTTPException) as error:
            raise TransportError(_reason(error)) from None

    def prepare(self, url: str, deadline: Deadline) -> None:
        """Connect by the deadline, so that the next request can leave at once. Raises TransportError."""
        try:
            self._idle.append(self._take_idle() or self._connect(url, deadline))
        except (OSError, http.client.HTTPException) as error:
            raise TransportError(_reason(error)) from None

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, request: PreparedRequest, departure: Departure, deadline: Deadline) -> Response:
        connection = self._take_idle() or self._connect(str(request.url), deadline)
        try:
            _wait_to_leave(departure)
            connection.sock.settimeout(seconds_left(deadline))
            connection.request(
                str(request.method), request.path_url, cast("bytes | None", request.body), request.headers
            )
            sent = time.monotonic()
            connection.sock.settimeout(seconds_left(deadline))
            answer = connection.getresponse()
            self._answered(time.monotonic() - sent)
            response = _response(request, answer, answer.read(MAX_BODY_BYTES + 1))
        except DepartureMissed:
            # Nothing was sent; it will be needed for the next permit.
            self._idle.append(connection)
            raise
        except BaseException:
            connection.close()
            raise
        if answer.isclosed() and connection.sock is not None:
            connection.idle_since = time.time()
            self._idle.append(connection)
        return response

    def _take_idle(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            # A frozen instance does not notice that connections die, so an old one is not worth trying. This uses the
            # wall clock, because the monotonic clock may stop while the instance is frozen.
            fresh = abs(time.time() - connection.idle_since) < MAX_IDLE_SECONDS
            if fresh and connection.is_silent():
                return connection
            connection.close()
        return None

    def _connect(self, url: str, deadline: Deadline) -> "_Connection":
        host, port = urlsplit(url).hostname or "", urlsplit(url).port or (443 if self._tls else 80)
        sock = open_socket(host, port, deadline)
        if self._tls:
            sock = wrap_socket(self._tls, sock, host, deadline)
        return _Connection(host, port, sock)


class _Connection(http.client.HTTPConnection):
    """A connection on an open socket; it never reconnects by itself."""

    auto_open = False

    def __init__(self, host: str, port: int, sock: socket.socket) -> None:
        super().__init__(host, port)
        self.response_class = _BoundedResponse
        self.sock = sock
        self.idle_since = time.time()

    def is_silent(self) -> bool:
        """Whether the server has neither ended the connection nor sent anything but TLS 1.3's session tickets."""
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReader(sock))

    def _read_next_chunk_size(self) -> int:
        """Raises ValueError, also for a negative size, with which http.client would read all there is."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError
        return size


class _Unfinished(TimeoutError):
    """Time ran out in the middle of an answer."""


class _BoundedReader(io.RawIOBase):
    """Reads a socket until a deadline: the socket's timeout becomes the total for all reads, not for each."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = Deadline.after(sock.gettimeout() or 0.0)
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        try:
            self._sock.settimeout(seconds_left(self._deadline))
            count = self._raw.readinto(buffer)
        except TimeoutError:
            raise _Unfinished if self._begun else TimeoutError from None
        self._begun = True
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _tls_context() -> ssl.SSLContext:
    """A context that loads only one set of roots, because each takes 30 ms."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


def _response(request: PreparedRequest, answer: http.client.HTTPResponse, body: bytes) -> Response:
    if len(body) > MAX_BODY_BYTES or not is_quick_to_parse(body):
        raise TransportError("too_large")
    if answer.length:
        raise TransportError("truncated")
    if not 200 <= answer.status < 300 and answer.status < 400:
        raise TransportError("unexpected_status")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TransportError("malformed")
    # The SDK drops an error's status if its body is not a JSON object, but a server error must remain one.
    if answer.status >= 400 and json_object(body) is None:
        raise TransportError("server_error" if answer.status >= 500 else "not_json")
    response = Response()
    response.status_code = answer.status
    response.reason = answer.reason
    response.headers = CaseInsensitiveDict(answer.headers.items())
    response.request = request
    response._content = body
    response._content_consumed = True
    return response


# The first match counts: all but the last two are OSErrors.
_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (socket.gaierror, "dns"),
    (_Unfinished, "unfinished"),
    (TimeoutError, "timeout"),
    (ssl.SSLError, "tls"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (OSError, "connect"),
    (http.client.IncompleteRead, "truncated"),
    (http.client.HTTPException, "malformed"),
)


def _reason(error: Exception) -> Reason:
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))
