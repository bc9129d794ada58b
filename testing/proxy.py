"""A TCP proxy: a network that turns slow, silent or dead, and counts the requests that are still unanswered."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_CHUNK = 1 << 16
# Lingering for no time makes the kernel send a reset instead of an end.
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes on what `watch` has seen, answers `delay` seconds later, until it is cut; a context manager.

    With a `tls` context, it speaks TLS to its clients. While it is `silent`, it takes requests and loses them. While it
    `drips`, each byte of an answer takes that many seconds. `requests` are the moments (monotonic) at which they came,
    `most_waiting` is how many were without an answer at once, their connections still open.
    """

    def __init__(
        self,
        target: str,
        delay: float | Callable[[], float] = 0.0,
        watch: Callable[[bytes], object] = lambda data: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.delay = delay
        self.silent = False
        self.drips = 0.0
        self._tls = tls
        self.requests: list[float] = []
        self.most_waiting = 0
        self._watch = watch
        self._open: set[socket.socket] = set()
        self._frozen: set[socket.socket] = set()
        self._waiting: set[socket.socket] = set()
        self._changed = threading.Lock()
        self.port = 0
        self.restore()
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *raised: Any) -> None:
        self.cut()

    def cut(self) -> None:
        """Refuse connections, and end those there are."""
        # Closing alone does not wake the thread that accepts.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in list(self._open):
            _end(client)

    def restore(self) -> None:
        """Take connections, on the same port as before."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def freeze(self) -> None:
        """Let the connections there are die unseen: whoever writes to one gets a reset."""
        self._frozen.update(self._open)

    def forget(self) -> None:
        """Start counting again from zero."""
        self.requests, self.most_waiting = [], len(self._waiting)

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                if self._tls:
                    # The handshake is part of what is read first, in the client's thread.
                    client = self._tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
                self._open.add(client)
                threading.Thread(target=self._pass_requests, args=(client,), daemon=True).start()

    def _pass_requests(self, client: socket.socket) -> None:
        lost = False
        # Of a TLS connection that another thread ends, ssl raises ValueError.
        with suppress(OSError, ValueError), client, socket.create_connection(self._target) as server:
            threading.Thread(target=self._pass_answers, args=(server, client), daemon=True).start()
            while data := client.recv(_CHUNK):
                if client in self._frozen:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    client.close()
                    break
                self._count(client)
                self._watch(data)
                lost = lost or self.silent
                if not lost:
                    server.sendall(data)
            _end(server)
        self._settle(client)
        self._open.discard(client)

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := server.recv(_CHUNK):
                time.sleep(self.delay() if callable(self.delay) else self.delay)
                # What came meanwhile is not delayed twice.
                with suppress(BlockingIOError):
                    data += server.recv(_CHUNK, socket.MSG_DONTWAIT)
                self._watch(data)
                self._settle(client)
                for piece in (data[at : at + 1] for at in range(len(data))) if self.drips else (data,):
                    client.sendall(piece)
                    time.sleep(self.drips)
        _end(client)

    def _count(self, client: socket.socket) -> None:
        """Count a request at its first bytes."""
        with self._changed:
            if client not in self._waiting:
                self.requests.append(time.monotonic())
            self._waiting.add(client)
            self.most_waiting = max(self.most_waiting, len(self._waiting))

    def _settle(self, client: socket.socket) -> None:
        with self._changed:
            self._waiting.discard(client)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
