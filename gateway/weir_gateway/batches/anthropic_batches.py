"""Anthropic's message batches API; implements `provider.BatchProvider`.

Anthropic stores nothing of ours with a batch but the items' ids, and only results show them. So a
batch that may have been submitted is recognised only after it has ended.
"""

import contextlib
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import IO, Final

import msgspec

from weir_gateway.adapters.providers.api_calls import ApiCall
from weir_gateway.batches.async_files import open_for_reading
from weir_gateway.batches.provider import Lookup, ProviderBatch, ResultLine, Submission
from weir_gateway.batches.provider_http import (
    CALL_TIMEOUT,
    LIST_PAGES,
    MAX_CLOCK_SKEW,
    UPLOAD_TIMEOUT,
    BatchHttp,
    ProviderCalls,
    page_query,
)
from weir_gateway.domain.table import Backend
from weir_wires.wire import Wire

PATH: Final = "/messages/batches"
ENDED: Final = "ended"
SUCCEEDED: Final = "succeeded"
ERRORED: Final = "errored"
OK: Final = 200
MAX_FIRST_LINE: Final = 64 << 20  # bytes of results that are read to recognise a batch
HEADER: Final = b'{"requests":['
STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
OTHER_STATUS: Final = 500


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        """The number of requests: each is counted in exactly one of the fields."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    created_at: datetime
    request_counts: _Counts


class _List(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Inner(msgspec.Struct):
    type: str = ""


class _Error(msgspec.Struct):
    error: _Inner


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_LINE: Final = msgspec.json.Decoder(_Line)
_ERROR: Final = msgspec.json.Decoder(_Error)


class AnthropicBatches:
    """Input is one JSON object with all requests; results come in one file."""

    max_items = 100_000
    max_bytes = 250_000_000  # Anthropic accepts 256 MB

    def __init__(self, calls: ProviderCalls) -> None:
        self._http = BatchHttp(calls, Wire.ANTHROPIC_MESSAGES)

    def write_header(self, file: IO[bytes]) -> None:
        """Open the list of requests."""
        file.write(HEADER)

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """Write one request; `wire` is always messages."""
        del wire
        if file.tell() > len(HEADER):
            file.write(b",")
        file.write(b'{"custom_id":"' + item.encode() + b'","params":' + body + b"}")

    def write_footer(self, file: IO[bytes]) -> None:
        """Close the list of requests."""
        file.write(b"]}")

    async def submit(self, submission: Submission) -> str:
        """Create the batch in one call that streams the file."""
        async with open_for_reading(submission.file) as opened:
            call = ApiCall(
                method="POST",
                path=PATH,
                timeout=UPLOAD_TIMEOUT,
                data=opened,
                headers={"idempotency-key": f"weir-{submission.tag}"},
            )
            return (await self._http.call(submission.backend, call, _Batch)).id

    async def find(self, submission: Submission, others: frozenset[str]) -> str | Lookup | None:
        """Search the list for batches of the same size; then compare the ids of their results."""
        undecided = False
        async with contextlib.aclosing(self._batches_since(submission)) as batches:
            async for batch in batches:
                if batch.request_counts.total != submission.items or batch.id in others:
                    continue
                if batch.processing_status != ENDED:
                    undecided = True
                elif await self._is_ours(submission, batch):
                    return batch.id
        return Lookup.UNKNOWN if undecided else None

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """Return the batch's state; all results are in one file."""
        batch = await self._http.get(backend, f"{PATH}/{upstream}", _Batch)
        ended = batch.processing_status == ENDED
        return ProviderBatch(ended, (f"{PATH}/{upstream}/results",) if ended else ())

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """Request cancellation; the answers written by then stay available."""
        call = ApiCall(method="POST", path=f"{PATH}/{upstream}/cancel", timeout=CALL_TIMEOUT)
        await self._http.call(backend, call, _Batch)

    def results(self, backend: Backend, path: str) -> AsyncGenerator[bytes]:
        """Stream the results, which are in no particular order."""
        return self._http.stream(backend, path)

    def parse_result(self, line: bytes) -> ResultLine | None:
        """Parse a line: an answer, an error, or neither where it was cancelled or expired."""
        try:
            decoded = _LINE.decode(line)
            result = decoded.result
            if result.type == SUCCEEDED:
                return ResultLine(decoded.custom_id, OK, bytes(result.message))
            if result.type != ERRORED:
                return ResultLine(decoded.custom_id, 0, b"")
            error_type = _ERROR.decode(result.error).error.type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        status = STATUSES.get(error_type, OTHER_STATUS)
        return ResultLine(decoded.custom_id, status, bytes(result.error))

    async def delete(self, backend: Backend, upstream: str) -> None:
        """Delete the batch with its requests and results."""
        await self._http.delete(backend, f"{PATH}/{upstream}")

    async def _batches_since(self, submission: Submission) -> AsyncGenerator[_Batch]:
        """Yield the provider's batches, newest first, back to the time of the submission."""
        after: str | None = None
        for _ in range(LIST_PAGES):
            page = await self._http.get(
                submission.backend, PATH, _List, page_query("after_id", after)
            )
            for batch in page.data:
                if batch.created_at.timestamp() < submission.sent - MAX_CLOCK_SKEW:
                    return
                yield batch
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id

    async def _is_ours(self, submission: Submission, batch: _Batch) -> bool:
        """Return whether the first result belongs to the submission."""
        start = b""
        path = f"{PATH}/{batch.id}/results"
        async with contextlib.aclosing(self.results(submission.backend, path)) as pieces:
            async for piece in pieces:
                start += piece
                if b"\n" in start or len(start) > MAX_FIRST_LINE:
                    break
        first = self.parse_result(start.partition(b"\n")[0])
        return first is not None and first.item_id.startswith(f"{submission.tag}-")
