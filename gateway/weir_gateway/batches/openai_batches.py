"""OpenAI's files and batches, as a provider has them. Fills `provider.Provider`."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import IO, Final, TypeVar

import aiohttp
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
    ProviderBatch,
    ProviderCalls,
    ResultLine,
    Submission,
)
from weir_gateway.domain.table import Backend
from weir_wires.providers import PROVIDERS
from weir_wires.wire import Wire

TAG: Final = "weir_tag"  # of the metadata
WINDOW: Final = "24h"  # the only one there is
OVER: Final = frozenset({"completed", "cancelled", "expired"})
FAILED: Final = "failed"
WIRE: Final = Wire.OPENAI_CHAT  # for calls that are on no wire: its header carries the key
WORDS: Final = 500  # characters of what a provider says that are repeated

T = TypeVar("T")


class _File(msgspec.Struct):
    id: str


class _Error(msgspec.Struct):
    message: str | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str = ""
    created_at: int = 0
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Errors | None = None
    metadata: dict[str, str] | None = None


class _List(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Response(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None


_LINE: Final = msgspec.json.Decoder(_Line)


class OpenAIBatches:
    """See `provider.Provider`."""

    max_items = 50_000
    max_bytes = 190_000_000  # 200 MB is what OpenAI takes

    def __init__(self, calls: ProviderCalls) -> None:
        self._calls = calls

    def write_header(self, file: IO[bytes]) -> None:
        """Nothing stands before the first line."""

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """One line."""
        said = {"custom_id": item, "method": "POST", "url": _path(wire)}
        line = body.replace(b"\r", b" ").replace(b"\n", b" ")
        file.write(json.dumps(said).encode()[:-1] + b', "body": ' + line + b"}\n")

    def write_footer(self, file: IO[bytes]) -> None:
        """Nor after the last."""

    async def submit(self, parcel: Submission) -> str:
        """The file first, then the batch."""
        async with open_for_reading(parcel.file) as opened:
            form = aiohttp.FormData({"purpose": "batch"})
            name = f"weir-{parcel.tag}.jsonl"
            form.add_field("file", opened, filename=name, content_type="application/jsonl")
            taken = await self._ask(
                parcel.backend,
                Asked(method="POST", path="/files", within=UPLOAD_TIMEOUT, data=form, json=False),
                _File,
            )
        said = {
            "input_file_id": taken.id,
            "endpoint": _path(parcel.wire),
            "completion_window": WINDOW,
            "metadata": {TAG: parcel.tag},
        }
        return (await self._post(parcel.backend, "/batches", said, parcel.tag)).id

    async def find(self, parcel: Submission, others: frozenset[str]) -> str | None:
        """By the tag in its metadata."""
        after: str | None = None
        for _ in range(LIST_PAGES):
            query = (("limit", str(LIST_PAGE)), *((("after", after),) if after else ()))
            asked = Asked(method="GET", path="/batches", within=CALL_TIMEOUT, query=query)
            page = await self._ask(parcel.backend, asked, _List)
            for batch in page.data:
                if (batch.metadata or {}).get(TAG) == parcel.tag and batch.id not in others:
                    return batch.id
            if (
                not page.has_more
                or not page.data
                or page.data[-1].created_at < parcel.sent - MAX_CLOCK_SKEW
            ):
                return None
            after = page.data[-1].id
        return None

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """Answers and errors lie in files of their own."""
        batch = await self._get(backend, upstream)
        if batch.status == FAILED:
            told = batch.errors.data if batch.errors is not None else None
            words = "; ".join(error.message or "" for error in told or ())
            return ProviderBatch(
                ended=True, error=words[:WORDS] or "it says no more than that it failed"
            )
        ids = (batch.output_file_id, batch.error_file_id)
        sources = tuple(f"/files/{one}/content" for one in ids if one)
        return ProviderBatch(batch.status in OVER, sources)

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """What it has answered by then is kept."""
        await self._post(backend, f"/batches/{upstream}/cancel", {}, upstream)

    async def results(self, backend: Backend, source: str) -> AsyncGenerator[bytes]:
        """The file's content."""
        asked = Asked(method="GET", path=source, within=CALL_TIMEOUT)
        answer = await self._calls.other(backend, WIRE, asked)
        async with contextlib.aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                yield piece

    def parse_result(self, line: bytes) -> ResultLine | None:
        """Lines of both files look alike."""
        try:
            said = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if said.response is None:
            return ResultLine(said.custom_id, 0, b"")
        return ResultLine(said.custom_id, said.response.status_code, bytes(said.response.body))

    async def delete(self, backend: Backend, upstream: str) -> None:
        """Its files: prompts and answers need not lie there for longer."""
        batch = await self._get(backend, upstream)
        ids = (batch.input_file_id, batch.output_file_id, batch.error_file_id)
        for one in filter(None, ids):
            asked = Asked(method="DELETE", path=f"/files/{one}", within=CALL_TIMEOUT)
            answer = await self._calls.other(backend, WIRE, asked)
            answer.close()

    async def _get(self, backend: Backend, upstream: str) -> _Batch:
        asked = Asked(method="GET", path=f"/batches/{upstream}", within=CALL_TIMEOUT)
        return await self._ask(backend, asked, _Batch)

    async def _post(self, backend: Backend, path: str, said: object, once: str) -> _Batch:
        data = json.dumps(said).encode()
        headers = {"idempotency-key": f"weir{path}-{once}"}
        asked = Asked(method="POST", path=path, within=CALL_TIMEOUT, data=data, headers=headers)
        return await self._ask(backend, asked, _Batch)

    async def _ask(self, backend: Backend, asked: Asked, kind: type[T]) -> T:
        answer = await self._calls.other(backend, WIRE, asked)
        return read(backend, await answer.whole(MAX_RESPONSE), kind)


def read(backend: Backend, body: bytes, kind: type[T]) -> T:
    """What a provider says of its batches. Raises UpstreamError where it is something else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise broken(backend, f"answered what can't be read: {error}") from error


def _path(wire: Wire) -> str:
    return f"/v1{PROVIDERS[wire].path}"
