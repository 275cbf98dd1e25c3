"""Puts the parts of what keeps and runs batches together, over one folder."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weir_gateway.batches.anthropic_batches import AnthropicBatches
from weir_gateway.batches.api import BatchApi
from weir_gateway.batches.context import BatchContext, BatchLimits, Keys
from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import FileStore
from weir_gateway.batches.openai_batches import OpenAIBatches
from weir_gateway.batches.provider import BatchProvider, ProviderCalls
from weir_gateway.batches.runner import Runner
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.pipeline import Routing
from weir_wires.wire import Wire

FILES: Final = "files"
SCRATCH: Final = "scratch"
OPENAI: Final = (
    *(Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES, Wire.OPENAI_COMPLETIONS, Wire.OPENAI_EMBEDDINGS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStorage:
    """Where things are kept, how much of them and how long."""

    folder: Path
    max_file_bytes: int  # the most one file may have
    max_total_bytes: int  # and all together
    retention: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDependencies:
    """What batches are run with."""

    routing: Routing
    tables: Callable[[], RouteTable]
    keys: Keys | None
    calls: ProviderCalls


@dataclass(frozen=True, slots=True)
class BatchService:
    """All of it, ready to be served and run."""

    files: FileStore
    api: BatchApi
    runner: Runner


async def open_batches(
    places: BatchStorage,
    pace: BatchLimits,
    parts: BatchDependencies,
    stack: contextlib.AsyncExitStack,
) -> BatchService:
    """Open the folder until `stack` is left. Raises OSError and StoreUnavailable."""
    folder = places.folder
    await asyncio.to_thread(_make, folder)
    database = Database(folder)
    stack.push_async_callback(database.stop)
    await database.start()
    shelf = FileStore(
        folder / FILES,
        database,
        _new_id,
        max_file_bytes=places.max_file_bytes,
        max_total_bytes=places.max_total_bytes,
    )
    bench = BatchContext(
        database=database,
        files=shelf,
        routing=parts.routing,
        tables=parts.tables,
        keys=parts.keys,
        now=time.time,
        clock=time.monotonic,
        ids=_new_id,
        scratch=folder / SCRATCH,
        limits=pace,
        calls=asyncio.Semaphore(pace.max_calls),
    )
    openai = OpenAIBatches(parts.calls)
    providers: dict[Wire, BatchProvider] = dict.fromkeys(OPENAI, openai)
    providers[Wire.ANTHROPIC_MESSAGES] = AnthropicBatches(parts.calls)
    runner = Runner(bench, providers, folder, retention=places.retention)
    return BatchService(shelf, BatchApi(database, shelf, runner.wake, time.time, _new_id), runner)


def _make(folder: Path) -> None:
    for place in (folder, folder / FILES, folder / SCRATCH):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _new_id() -> str:
    return f"{random.SystemRandom().getrandbits(128):032x}"
