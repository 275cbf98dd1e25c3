"""Builds the batch service over one folder."""

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
from weir_gateway.batches.provider import BatchProvider
from weir_gateway.batches.provider_http import ProviderCalls
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
    """Where files and batches are stored, how many bytes and for how long."""

    folder: Path
    max_file_bytes: int
    max_total_bytes: int
    retention: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDependencies:
    """The parts of the gateway that batches use."""

    routing: Routing
    tables: Callable[[], RouteTable]  # raises NothingCanServe while there is none
    keys: Keys | None  # None: the gateway requires no keys
    calls: ProviderCalls


@dataclass(frozen=True, slots=True)
class BatchService:
    """The open store of files and batches, and their runner."""

    files: FileStore
    api: BatchApi
    runner: Runner


async def open_batches(
    storage: BatchStorage,
    limits: BatchLimits,
    dependencies: BatchDependencies,
    stack: contextlib.AsyncExitStack,
) -> BatchService:
    """Open the folder; `stack` closes it. Raises OSError and StoreUnavailable."""
    folder = storage.folder
    await asyncio.to_thread(_make_folders, folder)
    database = Database(folder)
    stack.push_async_callback(database.stop)
    await database.start()
    files = FileStore(
        folder / FILES,
        database,
        _new_id,
        max_file_bytes=storage.max_file_bytes,
        max_total_bytes=storage.max_total_bytes,
    )
    context = BatchContext(
        database=database,
        files=files,
        routing=dependencies.routing,
        tables=dependencies.tables,
        keys=dependencies.keys,
        now=time.time,
        clock=time.monotonic,
        ids=_new_id,
        scratch=folder / SCRATCH,
        limits=limits,
        calls=asyncio.Semaphore(limits.max_calls),
    )
    providers = _providers(dependencies.calls)
    runner = Runner(context, providers, folder, retention=storage.retention)
    return BatchService(files, BatchApi(database, files, runner.wake, time.time, _new_id), runner)


def _providers(calls: ProviderCalls) -> dict[Wire, BatchProvider]:
    openai = OpenAIBatches(calls)
    return {
        **dict.fromkeys(OPENAI, openai),
        Wire.ANTHROPIC_MESSAGES: AnthropicBatches(calls),
    }


def _make_folders(folder: Path) -> None:
    for path in (folder, folder / FILES, folder / SCRATCH):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _new_id() -> str:
    return f"{random.SystemRandom().getrandbits(128):032x}"
