"""A TCP proxy in front of an HTTP server: it turns silent, slow or dead, and counts the requests still unanswered."""

import re
import socket
import threading
import time
from contextlib import suppress


class Line:
    """Passes requests on and answers back, `delay` seconds later.

    While it is `silent` it takes requests and loses them for good. `requests` are the moments they came,
    `most_waiting` is how many were without an answer at once, their connections still open.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.silent = False
        self.delay = 0.0
        self.requests: list[float] = []
        self.most_waiting = 0
        self._waiting: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._changed = threading.Lock()
        self.port = 0
        self.restore()
        self.address = f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Refuse connections, and end those there are."""
        # Closing alone does not wake the thread that accepts.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in list(self._open):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Take connections, on the same port as before."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def forget(self) -> None:
        """Start counting again from zero."""
        self.requests, self.most_waiting = [], len(self._waiting)

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._target) as server:
            while request := _message(client):
                self._begin(client)
                if self.silent:
                    while client.recv(65536):
                        pass
                    break
                time.sleep(self.delay)
                server.sendall(request)
                client.sendall(_message(server))
                self._end(client)
        self._end(client)
        self._open.discard(client)

    def _begin(self, client: socket.socket) -> None:
        with self._changed:
            self.requests.append(time.monotonic())
            self._waiting.add(client)
            self.most_waiting = max(self.most_waiting, len(self._waiting))

    def _end(self, client: socket.socket) -> None:
        with self._changed:
            self._waiting.discard(client)


def _message(sock: socket.socket) -> bytes:
    """One whole request or answer; nothing at the connection's end."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[:end])
    while len(data) < end + 4 + int(length[1] if length else 0):
        data += sock.recv(65536)
    return data
