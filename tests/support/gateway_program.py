"""`weir-gateway` as a process of its own, as the image runs it."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from support.cluster.programs import free_ports
from support.polling import eventually
from support.programs import QUIET

START = 30.0  # seconds
STARTS = 3  # at most, while other programs take the ports that were free
PAUSE = 0.02  # seconds
NO_SCORER = "127.0.0.1:1"


@dataclass(frozen=True)
class GatewayProgram:
    """The running program."""

    process: asyncio.subprocess.Process
    url: str
    admin: str

    async def metrics(self) -> str:
        """The admin port's metrics."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.admin}/metrics") as response,
        ):
            return await response.text()

    async def ready(self) -> bool:
        """Whether it says so, and listens: its ports are its own and no other program's."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.admin}/readyz") as response,
            ):
                if response.status != HTTPStatus.OK:
                    return False
            address = urlsplit(self.url)
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.close()
        except (aiohttp.ClientError, OSError):
            return False
        return self.process.returncode is None

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        async with asyncio.timeout(START):
            return await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM and wait."""
        self.process.terminate()
        return await self.ended()


@asynccontextmanager
async def gateway_program(
    environment: Mapping[str, str], *, log: Path
) -> AsyncGenerator[GatewayProgram]:
    """Run one until the block is left, ready from the start."""
    program = await _started(environment, log)
    try:
        yield program
    finally:
        if program.process.returncode is None:
            program.process.terminate()
            await program.ended()


async def _started(environment: Mapping[str, str], log: Path) -> GatewayProgram:
    """A ready one; with other ports where another program took its ports first."""
    for _ in range(STARTS - 1):
        program = await _launched(environment, log)
        async with asyncio.timeout(START):
            while program.process.returncode is None:
                if await program.ready():
                    return program
                await asyncio.sleep(PAUSE)
    program = await _launched(environment, log)
    await eventually(program.ready, within=START)
    return program


async def _launched(environment: Mapping[str, str], log: Path) -> GatewayProgram:
    port, admin = free_ports(2)
    ours = {
        "WEIR_LISTEN": f"127.0.0.1:{port}",
        "WEIR_ADMIN": f"127.0.0.1:{admin}",
        "WEIR_SCORER": NO_SCORER,
        "WEIR_DRAIN_LINGER": "0",
    }
    with await asyncio.to_thread(log.open, "a", encoding="utf-8") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weir_gateway"),
            stderr=errors,
            env={**os.environ, **QUIET, **ours, **environment},
        )
    return GatewayProgram(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}")
