"""The order in which batches are run."""

from pathlib import Path

from weir_gateway.batches import repository
from weir_gateway.batches.database import Database
from weir_gateway.domain.batch import BatchId, FileId, NewBatch


async def test_active_batches_take_turns_by_key(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.start()
    try:
        for name in [f"a{n}" for n in range(9)] + ["b0", "b1", "c0"]:
            new = NewBatch(name[0], "/v1/chat/completions", FileId("file-1"), "24h", 86_400, {}, {})
            batch = BatchId(name)
            await database.transact(lambda db, b=batch, n=new: repository.add_batch(db, b, n, 0))  # type: ignore[misc] # bound per turn
        active = await database.transact(lambda db: repository.list_active(db, 6))
        assert [batch.id for batch in active] == ["a0", "b0", "c0", "a1", "b1", "a2"]
    finally:
        await database.stop()
