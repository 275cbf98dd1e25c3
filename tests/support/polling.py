"""Polls for state that is visible only from outside, such as a metric or a closed port."""

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE = 20.0  # seconds; generous, because it only bounds a failure
PAUSE = 0.01


async def eventually(
    condition: Callable[[], Awaitable[bool]], *, within: float = DEADLINE, every: float = PAUSE
) -> None:
    """Return once `holds` does; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await asyncio.sleep(every)
