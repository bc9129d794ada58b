"""TCP connections that respect a deadline, including name resolution, which has no timeout of its own."""

import socket
import ssl
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread

from cams_qr.deadline import Deadline


def open_socket(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect a socket. Raises OSError: gaierror for a name without an address, TimeoutError past the deadline."""
    sock = _connect_to_any(_resolve(host, port, deadline), port, deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def wrap_socket(context: ssl.SSLContext, sock: socket.socket, host: str, deadline: Deadline) -> socket.socket:
    """Make a TLS connection of a socket, which is closed if that fails. Raises OSError."""
    try:
        sock.settimeout(seconds_left(deadline))
        return context.wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise


def seconds_left(deadline: Deadline) -> float:
    """The seconds left, for a socket's timeout. Raises TimeoutError if there are none."""
    seconds = deadline.remaining()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """The host's addresses, resolved in a thread, because the resolver has no timeout."""
    found: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            found.set_result([str(a[4][0]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except Exception as error:
            found.set_exception(error)

    Thread(target=resolve, name="resolve", daemon=True).start()
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
