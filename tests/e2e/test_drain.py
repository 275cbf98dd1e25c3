"""SIGTERM: open streams end whole, new connections are refused, the exit code is 0."""

from pathlib import Path

import aiohttp
import pytest

from support.chat_client import TIMEOUT, chat
from support.programs import quickstart, stand_in, up


async def test_stream_ends_whole_after_sigterm(tmp_path: Path) -> None:
    slow = stand_in("--delay", "first=50ms,chunk=30ms", log=tmp_path / "stand-in.log")
    with slow as upstream:
        policies = quickstart(upstream.url, tmp_path / "policies")
        with up([policies], log=tmp_path / "log") as running:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as session,
                session.post(
                    f"{running.url}/v1/chat/completions", json=chat("hello", stream=True)
                ) as answer,
            ):
                first = await answer.content.readany()
                running.terminate()
                rest = await answer.content.read()
            assert (first + rest).rstrip().endswith(b"data: [DONE]")
            assert running.wait() == 0
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(f"{running.url}/v1/models")
