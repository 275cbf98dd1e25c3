"""A file is written completely or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import FileStore
from weir_gateway.domain.batch import FileId
from weir_gateway.domain.errors import TooLarge

FILE = FileId("file-1")


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FileStore]:
    folder = tmp_path / "files"
    folder.mkdir()
    database = Database(tmp_path)
    await database.start()
    yield FileStore(folder, database, lambda: "0" * 32, max_file_bytes=100, max_total_bytes=1000)
    await database.stop()


async def pieces(*chunks: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in chunks:
        yield piece
    if error is not None:
        raise error


async def test_writing_again_replaces_the_content(files: FileStore) -> None:
    assert await files.write(FILE, pieces(b"first, ", b"and long")) == 15
    assert await files.write(FILE, pieces(b"second")) == 6
    assert files.path(FILE).read_bytes() == b"second"
    assert list(files.path(FILE).parent.iterdir()) == [files.path(FILE)]


async def test_an_interrupted_write_leaves_the_old_content(files: FileStore) -> None:
    await files.write(FILE, pieces(b"first"))
    with pytest.raises(TooLarge):
        await files.write(FILE, pieces(b"sec", error=TooLarge("too much")))
    assert files.path(FILE).read_bytes() == b"first"
    assert list(files.path(FILE).parent.iterdir()) == [files.path(FILE)]
