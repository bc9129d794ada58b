"""TCP connections that respect a deadline, including name resolution, which has no timeout of its own."""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import TypeVar

from cams_qr.deadline import Deadline

T = TypeVar("T")


def open_socket(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect a socket. Raises OSError: gaierror for a name without an address, TimeoutError past the deadline."""
    sock = _connect_to_any(_resolve(host, port, deadline), port, deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def seconds_left(deadline: Deadline) -> float:
    """The seconds left, for a socket's timeout. Raises TimeoutError if there are none."""
    seconds = deadline.remaining()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def run_in_thread(name: str, function: Callable[[], T]) -> "Future[T]":
    """The future result of a function that runs in its own thread, so that callers can stop waiting for it."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except Exception as error:
            future.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return future


def _resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """The host's addresses, resolved in a thread, because the resolver has no timeout."""

    def resolve() -> list[str]:
        return [str(a[4][0]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    found = run_in_thread("resolve", resolve)
    try:
        return found.result(deadline.remaining())
    except FutureTimeoutError:
        raise TimeoutError from None
    except UnicodeError:
        raise socket.gaierror("not a host name") from None


def _connect_to_any(addresses: list[str], port: int, deadline: Deadline) -> socket.socket:
    """A socket to the first address that accepts a connection; each gets an equal share of the remaining time."""
    failure: OSError = socket.gaierror("no address")
    for tried, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), seconds_left(deadline) / (len(addresses) - tried))
        except OSError as error:
            failure = error
    raise failure
