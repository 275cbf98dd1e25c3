"""`weir-gateway` as a process of its own, as the image runs it."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from support.cluster.programs import free_ports
from support.polling import eventually
from support.programs import QUIET

START = 30.0  # seconds
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
        """Whether it says so."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.admin}/readyz") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

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
    program = GatewayProgram(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}")
    try:
        await eventually(program.ready, within=START)
        yield program
    finally:
        if process.returncode is None:
            process.terminate()
            await program.ended()
