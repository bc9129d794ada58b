"""A network between two sockets that can be slowed down and cut."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Proxy:
    """Passes bytes on, `delay` seconds later, and after `watch` has seen them.

    After `freeze`, who writes to a connection of before gets a reset.
    """

    def __init__(self, target: str, delay: float = 0.0, watch: Callable[[bytes], None] = lambda data: None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.delay = delay
        self._watch = watch
        self._server = socket.create_server(("127.0.0.1", 0))
        self._frozen: set[socket.socket] = set()
        self._open: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._frozen.update(self._open)

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            upstream = socket.create_connection(self._target)
            self._open.append(client)
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pump, args=(source, sink, client), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if client in self._frozen:
                    # Lingering for no time makes the kernel send a reset instead of an end.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                time.sleep(self.delay)
                self._watch(data)
                sink.sendall(data)
        source.close()
        sink.close()
