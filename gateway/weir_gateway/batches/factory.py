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
from weir_gateway.batches.api import Desk
from weir_gateway.batches.context import Bench, Keys, Pace
from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import Shelf
from weir_gateway.batches.openai_batches import OpenAIBatches
from weir_gateway.batches.provider import Calls, Provider
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
class Places:
    """Where things are kept, how much of them and how long."""

    folder: Path
    file_bytes: int  # the most one file may have
    all_bytes: int  # and all together
    keep: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What batches are run with."""

    routing: Routing
    tables: Callable[[], RouteTable]
    keys: Keys | None
    calls: Calls


@dataclass(frozen=True, slots=True)
class KeptBatches:
    """All of it, ready to be served and run."""

    shelf: Shelf
    desk: Desk
    runner: Runner


async def open_batches(
    places: Places, pace: Pace, parts: Parts, stack: contextlib.AsyncExitStack
) -> KeptBatches:
    """Open the folder until `stack` is left. Raises OSError and StoreUnavailable."""
    folder = places.folder
    await asyncio.to_thread(_make, folder)
    database = Database(folder)
    stack.push_async_callback(database.stop)
    await database.start()
    shelf = Shelf(
        folder / FILES, database, _new_id, largest=places.file_bytes, most=places.all_bytes
    )
    bench = Bench(
        database=database,
        shelf=shelf,
        routing=parts.routing,
        tables=parts.tables,
        keys=parts.keys,
        now=time.time,
        clock=time.monotonic,
        ids=_new_id,
        scratch=folder / SCRATCH,
        pace=pace,
        calls=asyncio.Semaphore(pace.at_once),
    )
    openai = OpenAIBatches(parts.calls)
    providers: dict[Wire, Provider] = dict.fromkeys(OPENAI, openai)
    providers[Wire.ANTHROPIC_MESSAGES] = AnthropicBatches(parts.calls)
    runner = Runner(bench, providers, folder, keep=places.keep)
    return KeptBatches(shelf, Desk(database, shelf, runner.poke, time.time, _new_id), runner)


def _make(folder: Path) -> None:
    for place in (folder, folder / FILES, folder / SCRATCH):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _new_id() -> str:
    return f"{random.SystemRandom().getrandbits(128):032x}"
