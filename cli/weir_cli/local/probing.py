"""Waiting until programs say that they are ready, over HTTP."""

import asyncio
from collections.abc import Sequence

import aiohttp

_BETWEEN = 0.05  # seconds from one question to the next
_PATIENCE = 2.0  # seconds that one answer may take


class NotReady(Exception):
    """It did not get ready in time; the message has its own words for why."""


async def wait_ready(probes: Sequence[str], within: float) -> None:
    """Return once every probe, a URL, answers 200. Raises NotReady after `within` seconds."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for probe in probes:
            await _wait(session, probe, within)


async def _wait(session: aiohttp.ClientSession, probe: str, within: float) -> None:
    said = "it never answered"
    try:
        async with asyncio.timeout(within):
            while (answer := await _ask(session, probe)) is not None:
                said = answer or said
                await asyncio.sleep(_BETWEEN)
    except TimeoutError as late:
        raise NotReady(f"Not ready after {within:g} s ({probe}): {said}") from late


async def _ask(session: aiohttp.ClientSession, probe: str) -> str | None:
    """None when ready, else why not; empty when there is no answer at all."""
    try:
        async with session.get(probe) as answer:
            return None if answer.ok else (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError):
        return ""
