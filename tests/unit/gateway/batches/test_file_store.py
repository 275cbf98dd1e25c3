"""Files come whole or not at all, and take the place of what was there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import FileStore
from weir_gateway.domain.batch import FileId
from weir_gateway.domain.errors import TooLarge

ONE = FileId("file-1")


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[FileStore]:
    folder = tmp_path / "files"
    folder.mkdir()
    database = Database(tmp_path)
    await database.start()
    yield FileStore(folder, database, lambda: "0" * 32, max_file_bytes=100, max_total_bytes=1000)
    await database.stop()


async def pieces(*given: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece
    if error is not None:
        raise error


async def test_writing_again_replaces_the_content(shelf: FileStore) -> None:
    assert await shelf.write(ONE, pieces(b"first, ", b"and long")) == 15
    assert await shelf.write(ONE, pieces(b"second")) == 6
    assert shelf.path(ONE).read_bytes() == b"second"
    assert list(shelf.path(ONE).parent.iterdir()) == [shelf.path(ONE)]


async def test_an_interrupted_write_leaves_the_old_content(shelf: FileStore) -> None:
    await shelf.write(ONE, pieces(b"first"))
    with pytest.raises(TooLarge):
        await shelf.write(ONE, pieces(b"sec", error=TooLarge("too much")))
    assert shelf.path(ONE).read_bytes() == b"first"
    assert list(shelf.path(ONE).parent.iterdir()) == [shelf.path(ONE)]
