"""Stores files' contents in a folder beside the database; reads and writes them off the loop.

A file is complete on disk before its database row exists. Contents without a row are deleted later.
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
from weir_gateway.domain.batch import FileId, FilePurpose, Page, StoredFile
from weir_gateway.domain.errors import InUse, NoSuchObject, StoreUnavailable, TooLarge

CHUNK: Final = 1 << 20  # bytes read or written at once
PARTIAL_SUFFIX: Final = ".part"
ORPHAN_AGE: Final = 86_400.0  # seconds since the last write after which a rowless file is deleted
MAX_NAME_CHARS: Final = 255  # of a client's file name; the rest is cut off


class FileStore:
    """The folder of files."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        ids: Callable[[], str],
        *,
        max_file_bytes: int,
        max_total_bytes: int,
    ) -> None:
        """`ids` returns 32 hex digits."""
        self._folder = folder
        self._database = database
        self._ids = ids
        self._max_file_bytes = max_file_bytes
        self._max_total_bytes = max_total_bytes

    def path(self, file_id: str) -> Path:
        """Return the path of a file's content."""
        return self._folder / file_id

    async def save(
        self, key: str, name: str, purpose: FilePurpose, pieces: AsyncIterator[bytes]
    ) -> StoredFile:
        """Store a client's file as its pieces arrive.

        Raises TooLarge, and StoreUnavailable where the folder is full or can't be written.
        """
        if await self._database.transact(repository.total_file_bytes) >= self._max_total_bytes:
            raise StoreUnavailable(
                f"the gateway's {self._max_total_bytes} bytes for files are used up: delete some"
            )
        file_id = FileId(f"file-{self._ids()}")
        size = await self.write(file_id, self._bounded(pieces))
        file = self.describe(file_id, key, name[:MAX_NAME_CHARS], size, purpose)
        await self._database.transact(lambda db: repository.add_file(db, file))
        return file

    async def write(self, file_id: FileId, pieces: AsyncIterator[bytes]) -> int:
        """Write a file's content, replacing the old one once all is on disk; return its size.

        Raises StoreUnavailable and what `pieces` raises; then nothing new is left on disk.
        """
        path = self._folder / f"{file_id}{PARTIAL_SUFFIX}"
        try:
            size = await _write_pieces(path, pieces)
            await asyncio.to_thread(path.replace, self.path(file_id))
        except OSError as error:
            raise _unusable(error) from error
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        return size

    def describe(
        self, file_id: FileId, key: str, name: str, size: int, purpose: FilePurpose
    ) -> StoredFile:
        """Return the row of a file created now."""
        return StoredFile(file_id, key, name, size, int(time.time()), purpose)

    async def get(self, key: str, file_id: str) -> StoredFile:
        """Return one of the key's files. Raises NoSuchObject."""
        file = await self._database.transact(lambda db: repository.get_file(db, key, file_id))
        if file is None:
            raise NoSuchObject(f"no file {file_id[:100]!r}: GET /v1/files lists yours", param="id")
        return file

    async def list_files(self, key: str, page: Page, purpose: str | None) -> list[StoredFile]:
        """Return the key's files, newest first; one more than `page.limit` if there are more."""
        return await self._database.transact(
            lambda db: repository.list_files(db, key, page, purpose)
        )

    async def delete(self, key: str, file_id: str) -> None:
        """Delete a file. Raises NoSuchObject, and InUse where an active batch reads it."""
        await self.get(key, file_id)

        def delete_unless_read(db: sqlite3.Connection) -> str | None:
            reader = repository.active_batch_reading(db, file_id)
            if reader is None:
                repository.delete_file(db, file_id)
            return reader

        reader = await self._database.transact(delete_unless_read)
        if reader is not None:
            raise InUse(f"{reader} reads this file: cancel it or wait for its end", param="id")
        await self.delete_contents([file_id])

    async def delete_contents(self, file_ids: Iterable[str]) -> None:
        """Delete contents whose rows are gone; `delete_orphans` retries what fails."""
        for file_id in file_ids:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.path(file_id).unlink, missing_ok=True)

    async def content(self, file: StoredFile) -> AsyncGenerator[bytes]:
        """Yield the file's content in pieces. Raises StoreUnavailable."""
        try:
            async with open_for_reading(self.path(file.id)) as opened:
                while piece := await asyncio.to_thread(opened.read, CHUNK):
                    yield piece
        except OSError as error:
            raise _unusable(error) from error

    async def delete_orphans(self) -> None:
        """Delete old contents without a row: interrupted uploads and results."""
        known = await self._database.transact(repository.file_ids)
        await asyncio.to_thread(self._delete_orphans, known)

    async def _bounded(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > self._max_file_bytes:
                raise TooLarge(
                    f"the file is over {self._max_file_bytes} bytes, the most this gateway accepts",
                    param="file",
                )
            yield piece

    def _delete_orphans(self, known: frozenset[str]) -> None:
        before = time.time() - ORPHAN_AGE
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_file() and entry.stat().st_mtime < before and entry.name not in known:
                    Path(entry.path).unlink(missing_ok=True)


async def _write_pieces(path: Path, pieces: AsyncIterator[bytes]) -> int:
    """Write the pieces in larger chunks and sync them to disk; return their size in bytes."""
    size, buffer, buffered = 0, list[bytes](), 0
    async with open_for_writing(path) as opened:
        async for piece in pieces:
            size += len(piece)
            buffer.append(piece)
            buffered += len(piece)
            if buffered >= CHUNK:
                await asyncio.to_thread(opened.write, b"".join(buffer))
                buffer, buffered = [], 0
        await asyncio.to_thread(write_and_sync, opened, b"".join(buffer))
    return size


def _unusable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the folder of files can't be used: {error.strerror}: try again later")
