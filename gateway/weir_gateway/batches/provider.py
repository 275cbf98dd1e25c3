"""The interface to a provider's batch API. To add a provider, implement `BatchProvider`."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Protocol

from weir_gateway.domain.table import Backend
from weir_wires.wire import Wire


@dataclass(frozen=True, slots=True)
class Submission:
    """What is submitted to a provider as one batch."""

    backend: Backend
    wire: Wire
    file: Path
    tag: str  # 16 hex digits; every item's id begins with it
    items: int
    sent: int  # Unix seconds of the first submission


class Lookup(Enum):
    """The answer where a provider can't say yet whether it has a submission."""

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """The state of a provider's batch."""

    ended: bool
    result_paths: tuple[str, ...] = ()  # of its files of results, below the API's /v1
    error: str | None = None  # the provider's message, where it rejected the batch as a whole


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One line of a provider's results."""

    item_id: str  # as it was sent
    status: int  # HTTP status; 0: not executed, because it was cancelled or expired
    body: bytes


class BatchProvider(Protocol):
    """One provider's batch API. Every coroutine raises UpstreamError."""

    max_items: int
    max_bytes: int

    def write_header(self, file: IO[bytes]) -> None:
        """Write what comes before the first item."""
        ...

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """Write one item with its id."""
        ...

    def write_footer(self, file: IO[bytes]) -> None:
        """Write what comes after the last item."""
        ...

    async def submit(self, submission: Submission) -> str:
        """Submit a batch and return the provider's id. On an error it may exist all the same."""
        ...

    async def find(self, submission: Submission, others: frozenset[str]) -> str | Lookup | None:
        """Return the id of a batch that may have been submitted; None where it was not.

        `others` are ids known to belong to other submissions.
        """
        ...

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """Return the batch's state; `upstream` is the provider's id."""
        ...

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """Request cancellation; results written by then stay available."""
        ...

    def results(self, backend: Backend, path: str) -> AsyncGenerator[bytes]:
        """Stream a file of results."""
        ...

    def parse_result(self, line: bytes) -> ResultLine | None:
        """Parse one line of a file of results; None where it is not a result."""
        ...

    async def delete(self, backend: Backend, upstream: str) -> None:
        """Delete the batch's prompts and answers at the provider."""
        ...
