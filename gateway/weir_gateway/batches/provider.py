"""What is asked of a provider that has batches. A new one is a file that fills `Provider`.

Must not know items, journals or clients.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Final, Protocol

from weir_gateway.adapters.providers.api_calls import Asked, Open
from weir_gateway.domain.table import Backend
from weir_wires.wire import Wire

CALL_TIMEOUT: Final = 60.0  # seconds for a small answer
UPLOAD_TIMEOUT: Final = 900.0  # seconds for a batch's file to be taken
MAX_RESPONSE: Final = 4 << 20  # bytes of an answer about batches
LIST_PAGE: Final = 100
LIST_PAGES: Final = 50  # that are looked through for a batch that may be there
MAX_CLOCK_SKEW: Final = 600  # seconds by which a provider's clock may be behind ours


class ProviderCalls(Protocol):
    """How providers are called."""

    async def other(self, backend: Backend, wire: Wire, asked: Asked) -> Open:
        """Make a call. Raises UpstreamError for everything but a 2xx."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """What is submitted as one batch."""

    backend: Backend
    wire: Wire
    file: Path
    tag: str  # 16 hex digits; every item's id begins with it
    items: int
    sent: int  # seconds since 1970 when it was first submitted


class Lookup(Enum):
    """Whether the provider has a parcel can't be told now, and can be later."""

    UNKNOWN = "not yet"


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """How far a provider's batch is."""

    ended: bool
    result_paths: tuple[str, ...] = ()  # where its results lie, paths below the API's /v1
    error: str | None = None  # the provider's words, where it took none of it


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One line of a provider's results."""

    item_id: str  # the id that it was sent under
    status: int  # of the answer; 0: it was not executed, cancelled or expired
    body: bytes


class BatchProvider(Protocol):
    """One provider's batches."""

    max_items: int
    max_bytes: int

    def write_header(self, file: IO[bytes]) -> None:
        """Write what stands before the first item."""
        ...

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """Write one item."""
        ...

    def write_footer(self, file: IO[bytes]) -> None:
        """Write what stands after the last item."""
        ...

    async def submit(self, parcel: Submission) -> str:
        """Submit; gives the provider's id. Raises UpstreamError; it may be there all the same."""
        ...

    async def find(self, parcel: Submission, others: frozenset[str]) -> str | Lookup | None:
        """The id of a parcel that may have been submitted; None: it was not.

        `others` are ids that are known to be other parcels'. Raises UpstreamError.
        """
        ...

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """How far it is. Raises UpstreamError."""
        ...

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """Ask for its end. Raises UpstreamError."""
        ...

    def results(self, backend: Backend, source: str) -> AsyncGenerator[bytes]:
        """One of its files of results as it comes. Raises UpstreamError."""
        ...

    def parse_result(self, line: bytes) -> ResultLine | None:
        """One line of them; None where it is none."""
        ...

    async def delete(self, backend: Backend, upstream: str) -> None:
        """Delete what it left at the provider. Raises UpstreamError."""
        ...
