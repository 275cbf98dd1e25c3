"""The shared context of all batches, and one batch in progress (`Job`).

A job stops for three reasons: its client cancels the batch, its window ends, or the gateway drains.
Only the first two end the batch.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from weir_gateway.batches import items, repository
from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import FileStore
from weir_gateway.domain.batch import Batch, BatchStatus
from weir_gateway.domain.errors import NothingCanServe, StoreUnavailable
from weir_gateway.domain.request import ClientKey
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.client_wires import CLIENT_WIRES, ClientWire
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock
from weir_wires.wire import Wire

STOP_CHECK_INTERVAL: Final = 0.5  # seconds between checks whether a job is to stop
PAGE_ITEMS: Final = 64  # decided at once: the texts of one call to the scorer
PAGE_BYTES: Final = 1 << 20  # of a page's items; a single one may be larger
NO_TABLE_WAIT: Final = 1.0  # seconds

# By endpoint, a path of this gateway such as /v1/chat/completions.
CLIENTS: Final[Mapping[str, ClientWire]] = {client.path: client for client in CLIENT_WIRES}


class Keys(Protocol):
    """Looks up client keys by name."""

    def by_name(self, name: str, now: float) -> ClientKey | None:
        """Return the key; None where it is revoked, unknown or expired at `now` (Unix seconds)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """Bounds on calls and sizes, and how often providers are polled."""

    max_calls: int  # concurrent single calls, over all batches
    poll_interval: float  # seconds between polls of a provider's batch
    max_line: int  # bytes of a line of the input file
    max_answer: int  # bytes of a line of a provider's results


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What all batches share."""

    database: Database
    files: FileStore
    routing: Routing
    tables: Callable[[], RouteTable]  # raises NothingCanServe while there is none
    keys: Keys | None  # None: the gateway requires no keys
    now: Callable[[], float]  # Unix seconds
    clock: Clock
    ids: Callable[[], str]  # 32 hex digits
    scratch: Path  # the folder of files that are sent to providers
    limits: BatchLimits
    calls: asyncio.Semaphore  # `limits.max_calls` of them


@contextlib.asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup]:
    """Open a task group that raises the first failure itself rather than an exception group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class KeyRevoked(Exception):
    """The batch's client key was revoked or has expired: nothing more is sent for the batch."""


@dataclass(slots=True)
class Job:
    """One batch in progress."""

    context: BatchContext
    batch: Batch
    stop_requested: asyncio.Event = field(default_factory=asyncio.Event)  # start nothing new
    stop_status: BatchStatus | None = None  # the status of an early end; None: no early end

    @property
    def id(self) -> str:
        return self.batch.id

    @property
    def client(self) -> ClientWire:
        """The API of its items, as clients speak it."""
        return CLIENTS[self.batch.endpoint]

    @property
    def wire(self) -> Wire:
        """The API of its items, as a wire."""
        return CLIENTS[self.batch.endpoint].wire

    @property
    def input(self) -> Path:
        """The path of its input file."""
        return self.context.files.path(self.batch.input_file)

    @property
    def draining(self) -> bool:
        """Whether it stops only because the gateway does, and is resumed later."""
        return self.stop_requested.is_set() and self.stop_status is None

    def key(self) -> ClientKey | None:
        """Return the client's key; None where it is gone, or where the gateway has no keys."""
        keys = self.context.keys
        return None if keys is None else keys.by_name(self.batch.key, self.context.now())

    def item_context(self) -> items.ItemContext:
        """Return what its items have in common. Raises KeyRevoked."""
        key = self.key()
        if key is None and self.context.keys is not None:
            raise KeyRevoked(self.batch.key)
        return items.ItemContext(self.id, self.client, self.input, self.batch.headers, key)

    async def pause(self, seconds: float) -> None:
        """Wait `seconds`, or until the job is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop_requested.wait()

    async def wait_for_table(self) -> RouteTable | None:
        """Return the current table once there is one; None where the job is to stop before."""
        while not self.stop_requested.is_set():
            table = self.current_table()
            if table is not None:
                return table
            await self.pause(NO_TABLE_WAIT)
        return None

    def current_table(self) -> RouteTable | None:
        try:
            return self.context.tables()
        except NothingCanServe:
            return None

    async def watch(self) -> None:
        """Poll for cancellation and for the end of the window; then request the stop."""
        while True:
            # Steps that need the store report its failure themselves.
            with contextlib.suppress(StoreUnavailable):
                self.stop_status = await self._read_stop_status()
            if self.stop_status is not None:
                self.stop_requested.set()
                return
            await asyncio.sleep(STOP_CHECK_INTERVAL)

    async def _read_stop_status(self) -> BatchStatus | None:
        database = self.context.database
        if self.context.now() >= self.batch.expires:
            await database.transact(
                lambda db: repository.request_stop(db, self.id, BatchStatus.EXPIRED)
            )
        return await database.transact(lambda db: repository.stop_status(db, self.id))
