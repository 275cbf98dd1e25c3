"""What every step of a batch needs: the stores, routing, and when to stop. Must not know the steps.

A batch stops for three reasons: its client cancels it, its window ends, or the gateway drains; only
the first two are the batch's end.
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
from weir_gateway.domain.key import ClientKey
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.client_wires import CLIENT_WIRES, ClientWire
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock
from weir_wires.providers import PROVIDERS
from weir_wires.wire import Wire

STOP_CHECK_INTERVAL: Final = 0.5  # seconds between looks at whether a batch is to stop
PAGE_ITEMS: Final = 64  # that are decided at once: the texts of one call to the scorer
PAGE_BYTES: Final = 1 << 20  # of a page's items; one alone may be larger
NO_TABLE_WAIT: Final = 1.0  # seconds

CLIENTS: Final[Mapping[str, ClientWire]] = {client.path: client for client in CLIENT_WIRES}
WIRES: Final[Mapping[str, Wire]] = {f"/v1{one.path}": wire for wire, one in PROVIDERS.items()}


class Keys(Protocol):
    """The client keys there are."""

    def named(self, name: str, now: float) -> ClientKey | None:
        """The key of this name; None: revoked, unknown or expired."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How fast batches are worked through; times in seconds."""

    max_calls: int  # calls that are made one by one, over all batches
    poll_interval: float  # between looks at a provider's batch
    max_line: int  # bytes
    max_answer: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What all batches share."""

    database: Database
    files: FileStore
    routing: Routing
    tables: Callable[[], RouteTable]  # raises NothingCanServe where there is none yet
    keys: Keys | None  # None: the gateway asks for none
    now: Callable[[], float]  # seconds since 1970
    clock: Clock
    ids: Callable[[], str]  # 32 hex digits
    scratch: Path  # a folder for what is sent to providers
    limits: BatchLimits
    calls: asyncio.Semaphore  # `pace.at_once` of them


@contextlib.asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup]:
    """A group of tasks; of what goes wrong the first is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class KeyRevoked(Exception):
    """The batch's client key was revoked or has expired: nothing more is sent for it."""


@dataclass(slots=True)
class Job:
    """One batch under way."""

    context: BatchContext
    batch: Batch
    stop_requested: asyncio.Event = field(default_factory=asyncio.Event)  # take up nothing new
    stop_status: BatchStatus | None = None  # as what it ends before its time; None: it does not

    @property
    def id(self) -> str:
        """The batch's."""
        return self.batch.id

    @property
    def client(self) -> ClientWire:
        """What its items speak."""
        return CLIENTS[self.batch.endpoint]

    @property
    def input(self) -> Path:
        """Its file."""
        return self.context.files.path(self.batch.input_file)

    @property
    def draining(self) -> bool:
        """Whether it stops only because the gateway does, to be taken up again."""
        return self.stop_requested.is_set() and self.stop_status is None

    @property
    def wire(self) -> Wire:
        """The same as a wire."""
        return WIRES[self.batch.endpoint]

    def key(self) -> ClientKey | None:
        """Its client's key, as far as it is known now."""
        keys = self.context.keys
        return None if keys is None else keys.named(self.batch.key, self.context.now())

    def item_context(self) -> items.ItemContext:
        """What its items have in common. Raises KeyGone."""
        key = self.key()
        if key is None and self.context.keys is not None:
            raise KeyRevoked(self.batch.key)
        return items.ItemContext(self.id, self.client, self.input, self.batch.headers, key)

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until it is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop_requested.wait()

    async def wait_for_table(self) -> RouteTable | None:
        """The table in force, as soon as there is one; None where it is to stop before."""
        while not self.stop_requested.is_set():
            table = self.current_table()
            if table is not None:
                return table
            await self.pause(NO_TABLE_WAIT)
        return None

    def current_table(self) -> RouteTable | None:
        """The table in force, if there is one."""
        try:
            return self.context.tables()
        except NothingCanServe:
            return None

    async def watch(self) -> None:
        """Notice that it is to stop: what its client says, and the end of its window."""
        while True:
            with contextlib.suppress(StoreUnavailable):  # whoever can't do without it says so
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
