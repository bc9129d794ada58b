"""Endpoints that refuse, never connect, or show a certificate."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import trustme

from local.sandbox import Sandbox
from local.serve import serve


@contextmanager
def refusing() -> Iterator[str]:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    yield address


@contextmanager
def full_backlog(port: int = 0) -> Iterator[str]:
    """A port whose backlog is full, so that connecting never succeeds."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        time.sleep(0.1)
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def over_tls(sandbox: Sandbox, certificate: trustme.LeafCert) -> Iterator[str]:
    """The sandbox over TLS, with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with serve(sandbox.app(), tls=context) as address:
        yield address
