"""A stream's silence is limited by one timer, and only while somebody waits for it."""

import asyncio

from weir_gateway.adapters.providers.reply import IdleTimeout


class FakeReader:
    """Says when it was broken."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()
        self.at = 0.0

    def set_exception(self, exc: Exception, /) -> None:
        assert isinstance(exc, TimeoutError)
        self.at = asyncio.get_running_loop().time()
        self.broken.set()


async def test_a_read_that_waits_too_long_is_ended_on_time() -> None:
    loop, reader = asyncio.get_running_loop(), FakeReader()
    idle = IdleTimeout(reader, 0.05)
    idle.read_started()
    idle.read_finished()
    idle.read_started()
    began = loop.time()
    await asyncio.wait_for(reader.broken.wait(), 5)
    assert reader.at - began >= 0.05
    idle.stop()


async def test_time_between_reads_does_not_count() -> None:
    loop, reader = asyncio.get_running_loop(), FakeReader()
    idle = IdleTimeout(reader, 0.02)
    idle.read_started()
    idle.read_finished()
    later = asyncio.Event()
    loop.call_later(0.1, later.set)  # a client that is slow to take what it was sent
    await later.wait()
    assert not reader.broken.is_set()
    idle.read_started()
    await asyncio.wait_for(reader.broken.wait(), 5)
    idle.stop()


async def test_nothing_is_left_once_it_has_stopped() -> None:
    loop, reader = asyncio.get_running_loop(), FakeReader()
    idle = IdleTimeout(reader, 0.02)
    idle.read_started()
    idle.stop()
    later = asyncio.Event()
    loop.call_later(0.1, later.set)
    await later.wait()
    assert not reader.broken.is_set()
