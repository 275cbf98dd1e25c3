"""Runs `weir stand-in` as a child process while something else runs."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from weir_cli.addresses import url
from weir_cli.failure import Failure
from weir_cli.local import programs
from weir_cli.local.supervisor import Child, NotReady, Say, wait_ready
from weir_runtime.quantities import Address

_START = 30.0  # seconds until it must be ready
_STOP = 5.0  # seconds from SIGTERM to SIGKILL


@asynccontextmanager
async def mock_provider(at: Address, options: Sequence[str], say: Say) -> AsyncGenerator[None]:
    """Serve the mock provider at `at` inside the block. Raises Failure when it does not start."""
    child = Child(programs.mock_provider(at, options), say)
    supervision = asyncio.create_task(child.supervise(), name="keep the stand-in")
    try:
        await wait_ready([f"{url(at)}/"], _START)
        child.mark_ready()
        yield
    except NotReady as late:
        raise Failure(f"The stand-in did not start: {late}") from late
    finally:
        await child.stop(_STOP)
        await asyncio.gather(supervision, return_exceptions=True)
