"""Anthropic's message batches, as a provider has them. Fills `provider.Provider`.

They carry nothing of ours but the items' ids, which only results show: a batch that may have been
submitted is known again once it has ended.
"""

import contextlib
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import IO, Final, TypeVar

import msgspec

from weir_gateway.adapters.providers.api_calls import Asked
from weir_gateway.adapters.providers.upstream_errors import broken
from weir_gateway.batches.async_files import open_for_reading
from weir_gateway.batches.provider import (
    CALL_TIMEOUT,
    LIST_PAGE,
    LIST_PAGES,
    MAX_CLOCK_SKEW,
    MAX_RESPONSE,
    UPLOAD_TIMEOUT,
    Lookup,
    ProviderBatch,
    ProviderCalls,
    ResultLine,
    Submission,
)
from weir_gateway.domain.table import Backend
from weir_wires.wire import Wire

PATH: Final = "/messages/batches"
WIRE: Final = Wire.ANTHROPIC_MESSAGES
ENDED: Final = "ended"
SUCCEEDED: Final = "succeeded"
ERRORED: Final = "errored"
OK: Final = 200
FIRST_LINE: Final = 64 << 20  # bytes of results that are read to know a batch again
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

T = TypeVar("T")


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def all(self) -> int:
        """Every request is in one of them."""
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
    """See `provider.Provider`."""

    max_items = 100_000
    max_bytes = 250_000_000  # 256 MB is what Anthropic takes

    def __init__(self, calls: ProviderCalls) -> None:
        self._calls = calls

    def write_header(self, file: IO[bytes]) -> None:
        """All requests are one body."""
        file.write(b'{"requests":[')

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """One request; all are for messages."""
        del wire
        if file.tell() > len(b'{"requests":['):
            file.write(b",")
        file.write(b'{"custom_id":"' + item.encode() + b'","params":' + body + b"}")

    def write_footer(self, file: IO[bytes]) -> None:
        """The end of the body."""
        file.write(b"]}")

    async def submit(self, parcel: Submission) -> str:
        """In one call, read from the file as it is sent."""
        async with open_for_reading(parcel.file) as opened:
            asked = Asked(
                method="POST",
                path=PATH,
                within=UPLOAD_TIMEOUT,
                data=opened,
                headers={"idempotency-key": f"weir-{parcel.tag}"},
            )
            return (await self._ask(parcel.backend, asked, _Batch)).id

    async def find(self, parcel: Submission, others: frozenset[str]) -> str | Lookup | None:
        """By its size and time, and for certain by its results' ids."""
        waiting = False
        async with contextlib.aclosing(self._since(parcel)) as found:
            async for batch in found:
                if batch.request_counts.all != parcel.items or batch.id in others:
                    continue
                if batch.processing_status != ENDED:
                    waiting = True
                elif await self._is(parcel, batch):
                    return batch.id
        return Lookup.UNKNOWN if waiting else None

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """All results lie in one file."""
        asked = Asked(method="GET", path=f"{PATH}/{upstream}", within=CALL_TIMEOUT)
        batch = await self._ask(backend, asked, _Batch)
        over = batch.processing_status == ENDED
        return ProviderBatch(over, (f"{PATH}/{upstream}/results",) if over else ())

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """What it has answered by then is kept."""
        asked = Asked(method="POST", path=f"{PATH}/{upstream}/cancel", within=CALL_TIMEOUT)
        await self._ask(backend, asked, _Batch)

    async def results(self, backend: Backend, source: str) -> AsyncGenerator[bytes]:
        """As they come, in no order."""
        asked = Asked(method="GET", path=source, within=CALL_TIMEOUT)
        answer = await self._calls.other(backend, WIRE, asked)
        async with contextlib.aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                yield piece

    def parse_result(self, line: bytes) -> ResultLine | None:
        """An answer, an error, or neither where it was cancelled or has expired."""
        try:
            said = _LINE.decode(line)
            result = said.result
            if result.type == SUCCEEDED:
                return ResultLine(said.custom_id, OK, bytes(result.message))
            if result.type != ERRORED:
                return ResultLine(said.custom_id, 0, b"")
            kind = _ERROR.decode(result.error).error.type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return ResultLine(said.custom_id, STATUSES.get(kind, OTHER_STATUS), bytes(result.error))

    async def delete(self, backend: Backend, upstream: str) -> None:
        """The batch with all that it has."""
        asked = Asked(method="DELETE", path=f"{PATH}/{upstream}", within=CALL_TIMEOUT)
        answer = await self._calls.other(backend, WIRE, asked)
        answer.close()

    async def _since(self, parcel: Submission) -> AsyncGenerator[_Batch]:
        """The provider's batches, newest first, back to when the parcel was first submitted."""
        after: str | None = None
        for _ in range(LIST_PAGES):
            query = (("limit", str(LIST_PAGE)), *((("after_id", after),) if after else ()))
            asked = Asked(method="GET", path=PATH, within=CALL_TIMEOUT, query=query)
            page = await self._ask(parcel.backend, asked, _List)
            for batch in page.data:
                if batch.created_at.timestamp() < parcel.sent - MAX_CLOCK_SKEW:
                    return
                yield batch
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id

    async def _is(self, parcel: Submission, batch: _Batch) -> bool:
        """Whether the first of the results is one of the parcel's."""
        begun = b""
        source = f"{PATH}/{batch.id}/results"
        async with contextlib.aclosing(self.results(parcel.backend, source)) as pieces:
            async for piece in pieces:
                begun += piece
                if b"\n" in begun or len(begun) > FIRST_LINE:
                    break
        told = self.parse_result(begun.partition(b"\n")[0])
        return told is not None and told.item_id.startswith(f"{parcel.tag}-")

    async def _ask(self, backend: Backend, asked: Asked, kind: type[T]) -> T:
        answer = await self._calls.other(backend, WIRE, asked)
        body = await answer.whole(MAX_RESPONSE)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise broken(backend, f"answered what can't be read: {error}") from error
