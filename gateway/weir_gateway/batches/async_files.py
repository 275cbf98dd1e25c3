"""Opens, writes and closes files without blocking the event loop."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import IO


@contextlib.asynccontextmanager
async def open_for_reading(path: Path) -> AsyncGenerator[IO[bytes]]:
    """Open a file to be read in threads. Raises OSError."""
    async with _opened(lambda: path.open("rb")) as file:
        yield file


@contextlib.asynccontextmanager
async def open_for_writing(path: Path) -> AsyncGenerator[IO[bytes]]:
    """Create or truncate a file (mode 0600) to be written in threads. Raises OSError."""

    def create() -> IO[bytes]:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    async with _opened(create) as file:
        yield file


def write_and_sync(file: IO[bytes], last: bytes) -> None:
    """Write `last` and flush the file to disk. Blocking."""
    file.write(last)
    file.flush()
    os.fsync(file.fileno())


@contextlib.asynccontextmanager
async def _opened(open_file: Callable[[], IO[bytes]]) -> AsyncGenerator[IO[bytes]]:
    opening = asyncio.create_task(asyncio.to_thread(open_file), name="weir-file-open")
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread can't be cancelled: close what it opens.
        opening.add_done_callback(_close)
        raise
    try:
        yield file
    finally:
        await asyncio.shield(asyncio.create_task(asyncio.to_thread(file.close), name="weir-file"))


def _close(opening: "asyncio.Task[IO[bytes]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
