"""Files that are opened, and always closed, off the loop. Must not know what is in them."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import IO


@contextlib.asynccontextmanager
async def open_for_reading(path: Path) -> AsyncGenerator[IO[bytes]]:
    """The file, to be read in threads. Raises OSError."""
    async with _held(lambda: path.open("rb")) as file:
        yield file


@contextlib.asynccontextmanager
async def open_for_writing(path: Path) -> AsyncGenerator[IO[bytes]]:
    """A new file that only its owner may read, to be written in threads. Raises OSError."""

    def opened() -> IO[bytes]:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    async with _held(opened) as file:
        yield file


def write_and_sync(file: IO[bytes], last: bytes) -> None:
    """Write what is left and have it on disk. Blocking."""
    file.write(last)
    file.flush()
    os.fsync(file.fileno())


@contextlib.asynccontextmanager
async def _held(opened: Callable[[], IO[bytes]]) -> AsyncGenerator[IO[bytes]]:
    opening = asyncio.create_task(asyncio.to_thread(opened), name="weir-file-open")
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:  # the thread goes on, and what it opens is closed
        opening.add_done_callback(_close)
        raise
    try:
        yield file
    finally:
        await asyncio.shield(asyncio.create_task(asyncio.to_thread(file.close), name="weir-file"))


def _close(opening: "asyncio.Task[IO[bytes]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
