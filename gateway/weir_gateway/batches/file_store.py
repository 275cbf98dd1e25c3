"""The files themselves, in a folder beside the database: written and read in pieces, off the loop.

A file is complete before its row is there; what has no row is swept away. Must not know batches.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final

from weir_gateway.batches import repository
from weir_gateway.batches.async_files import open_for_reading, open_for_writing, write_and_sync
from weir_gateway.batches.database import Database
from weir_gateway.domain.batch import FileId, Page, Purpose, StoredFile
from weir_gateway.domain.errors import InUse, NoSuchObject, StoreUnavailable, TooLarge

CHUNK: Final = 1 << 20  # bytes that are read or written at once
PARTIAL_SUFFIX: Final = ".part"
ORPHAN_AGE: Final = 86_400.0  # seconds since something without a row was last written to
MAX_NAME_CHARS: Final = 255  # characters of a client's file name that are kept


class FileStore:
    """The folder."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        ids: Callable[[], str],
        *,
        max_file_bytes: int,
        max_total_bytes: int,
    ) -> None:
        """`ids` gives 32 hex digits; at most `largest` bytes a file and `most` in all."""
        self._folder = folder
        self._database = database
        self._ids = ids
        self._largest = max_file_bytes
        self._most = max_total_bytes

    def path(self, file_id: str) -> Path:
        """Where the content of a file that is known lies."""
        return self._folder / file_id

    async def save(
        self, key: str, name: str, purpose: Purpose, pieces: AsyncIterator[bytes]
    ) -> StoredFile:
        """Keep a client's file as it comes.

        Raises TooLarge, and StoreUnavailable where the folder is full or can't be written.
        """
        if await self._database.transact(repository.total_file_bytes) >= self._most:
            raise StoreUnavailable(
                f"the gateway keeps {self._most} bytes of files, and they are used up: delete some"
            )
        file_id = FileId(f"file-{self._ids()}")
        size = await self.write(file_id, self._bounded(pieces))
        file = self.describe(file_id, key, name[:MAX_NAME_CHARS], size, purpose)
        await self._database.transact(lambda database: repository.add_file(database, file))
        return file

    async def write(self, file_id: FileId, pieces: AsyncIterator[bytes]) -> int:
        """Put a file's content in its place once all of it is on disk; gives its size.

        What was there is replaced. Raises StoreUnavailable, and what `pieces` raises; then nothing
        of it is left.
        """
        path = self._folder / f"{file_id}{PARTIAL_SUFFIX}"
        try:
            size = await _written(path, pieces)
            await asyncio.to_thread(path.replace, self.path(file_id))
        except OSError as error:
            raise _unusable(error) from error
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        return size

    def describe(
        self, file_id: FileId, key: str, name: str, size: int, purpose: Purpose
    ) -> StoredFile:
        """A file that is made now."""
        return StoredFile(file_id, key, name, size, int(time.time()), purpose)

    async def get(self, key: str, file_id: str) -> StoredFile:
        """The key's file of this id. Raises NoSuchObject."""
        file = await self._database.transact(
            lambda database: repository.get_file(database, key, file_id)
        )
        if file is None:
            raise NoSuchObject(f"no file {file_id[:100]!r}: GET /v1/files lists yours", param="id")
        return file

    async def list_files(self, key: str, page: Page, purpose: str | None) -> list[StoredFile]:
        """The key's files, newest first, and one more where there are more."""
        return await self._database.transact(
            lambda database: repository.list_files(database, key, page, purpose)
        )

    async def delete(self, key: str, file_id: str) -> None:
        """Delete a file. Raises NoSuchObject, and InUse where a batch under way reads it."""
        await self.get(key, file_id)

        def forgotten(database: sqlite3.Connection) -> str | None:
            user = repository.active_batch_reading(database, file_id)
            if user is None:
                repository.delete_file(database, file_id)
            return user

        user = await self._database.transact(forgotten)
        if user is not None:
            raise InUse(f"{user} reads this file: cancel it first, or wait for its end", param="id")
        await self.delete_contents([file_id])

    async def delete_contents(self, file_ids: Iterable[str]) -> None:
        """Delete contents whose rows are gone. What can't be deleted is swept later."""
        for file_id in file_ids:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.path(file_id).unlink, missing_ok=True)

    async def content(self, file: StoredFile) -> AsyncGenerator[bytes]:
        """Its content, piece by piece. Raises StoreUnavailable."""
        try:
            async with open_for_reading(self.path(file.id)) as opened:
                while piece := await asyncio.to_thread(opened.read, CHUNK):
                    yield piece
        except OSError as error:
            raise _unusable(error) from error

    async def sweep(self) -> None:
        """Delete old contents that have no row: uploads and results that were cut short."""
        known = await self._database.transact(repository.file_ids)
        await asyncio.to_thread(self._sweep, known)

    async def _bounded(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > self._largest:
                raise TooLarge(
                    f"the file is over {self._largest} bytes, the most this gateway takes",
                    param="file",
                )
            yield piece

    def _sweep(self, known: frozenset[str]) -> None:
        before = time.time() - ORPHAN_AGE
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_file() and entry.stat().st_mtime < before and entry.name not in known:
                    Path(entry.path).unlink(missing_ok=True)


async def _written(path: Path, pieces: AsyncIterator[bytes]) -> int:
    size, waiting, held = 0, list[bytes](), 0
    async with open_for_writing(path) as opened:
        async for piece in pieces:
            size += len(piece)
            waiting.append(piece)
            held += len(piece)
            if held >= CHUNK:
                await asyncio.to_thread(opened.write, b"".join(waiting))
                waiting, held = [], 0
        await asyncio.to_thread(write_and_sync, opened, b"".join(waiting))
    return size


def _unusable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the folder of files can't be used: {error.strerror}: try again later")
