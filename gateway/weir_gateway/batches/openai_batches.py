"""OpenAI's files and batches API; implements `provider.BatchProvider`."""

import json
from collections.abc import AsyncGenerator
from typing import IO, Final

import aiohttp
import msgspec

from weir_gateway.adapters.providers.api_calls import ApiCall
from weir_gateway.batches.async_files import open_for_reading
from weir_gateway.batches.provider import ProviderBatch, ResultLine, Submission
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
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

TAG: Final = "weir_tag"  # the metadata that identifies a submission
WINDOW: Final = "24h"  # the only one that OpenAI offers
ENDED: Final = frozenset({"completed", "cancelled", "expired"})
FAILED: Final = "failed"
MAX_MESSAGE: Final = 500  # characters of a provider's message that are passed on


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
    """Input is a file of lines; answers and errors come in a file each."""

    max_items = 50_000
    max_bytes = 190_000_000  # OpenAI accepts 200 MB

    def __init__(self, calls: ProviderCalls) -> None:
        # Any of OpenAI's wires will do: they all send the key in the same header.
        self._http = BatchHttp(calls, Wire.OPENAI_CHAT)

    def write_header(self, file: IO[bytes]) -> None:
        """Write nothing: the file starts with the first line."""

    def write_item(self, file: IO[bytes], item: str, wire: Wire, body: bytes) -> None:
        """Write one line."""
        head = {"custom_id": item, "method": "POST", "url": _path(wire)}
        line = body.replace(b"\r", b" ").replace(b"\n", b" ")
        file.write(json.dumps(head).encode()[:-1] + b', "body": ' + line + b"}\n")

    def write_footer(self, file: IO[bytes]) -> None:
        """Write nothing: the file ends with the last line."""

    async def submit(self, submission: Submission) -> str:
        """Upload the file, then create the batch."""
        async with open_for_reading(submission.file) as opened:
            form = aiohttp.FormData({"purpose": "batch"})
            name = f"weir-{submission.tag}.jsonl"
            form.add_field("file", opened, filename=name, content_type="application/jsonl")
            upload = ApiCall(
                method="POST", path="/files", timeout=UPLOAD_TIMEOUT, data=form, json=False
            )
            file = await self._http.call(submission.backend, upload, _File)
        fields = {
            "input_file_id": file.id,
            "endpoint": _path(submission.wire),
            "completion_window": WINDOW,
            "metadata": {TAG: submission.tag},
        }
        return (await self._post(submission.backend, "/batches", fields, submission.tag)).id

    async def find(self, submission: Submission, others: frozenset[str]) -> str | None:
        """Search the list for the tag in the batches' metadata."""
        after: str | None = None
        for _ in range(LIST_PAGES):
            page = await self._http.get(
                submission.backend, "/batches", _List, page_query("after", after)
            )
            for batch in page.data:
                if (batch.metadata or {}).get(TAG) == submission.tag and batch.id not in others:
                    return batch.id
            if not page.has_more or not page.data:
                return None
            # Newest first: what follows was created before the submission.
            if page.data[-1].created_at < submission.sent - MAX_CLOCK_SKEW:
                return None
            after = page.data[-1].id
        return None

    async def get(self, backend: Backend, upstream: str) -> ProviderBatch:
        """Return the batch's state; its answers and its errors are two files."""
        batch = await self._batch(backend, upstream)
        if batch.status == FAILED:
            errors = batch.errors.data if batch.errors is not None else None
            message = "; ".join(error.message or "" for error in errors or ())
            return ProviderBatch(ended=True, error=message[:MAX_MESSAGE] or "it gives no reason")
        ids = (batch.output_file_id, batch.error_file_id)
        paths = tuple(f"/files/{file_id}/content" for file_id in ids if file_id)
        return ProviderBatch(batch.status in ENDED, paths)

    async def cancel(self, backend: Backend, upstream: str) -> None:
        """Request cancellation; the answers written by then stay available."""
        await self._post(backend, f"/batches/{upstream}/cancel", {}, upstream)

    def results(self, backend: Backend, path: str) -> AsyncGenerator[bytes]:
        """Stream a file's content."""
        return self._http.stream(backend, path)

    def parse_result(self, line: bytes) -> ResultLine | None:
        """Parse a line of either file; both have the same format."""
        try:
            result = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        response = result.response
        if response is None:
            return ResultLine(result.custom_id, 0, b"")
        return ResultLine(result.custom_id, response.status_code, bytes(response.body))

    async def delete(self, backend: Backend, upstream: str) -> None:
        """Delete the batch's files; OpenAI does not delete batches."""
        batch = await self._batch(backend, upstream)
        ids = (batch.input_file_id, batch.output_file_id, batch.error_file_id)
        for file_id in filter(None, ids):
            await self._http.delete(backend, f"/files/{file_id}")

    async def _batch(self, backend: Backend, upstream: str) -> _Batch:
        return await self._http.get(backend, f"/batches/{upstream}", _Batch)

    async def _post(self, backend: Backend, path: str, fields: object, key: str) -> _Batch:
        """Post `fields`; `key` makes the call idempotent."""
        call = ApiCall(
            method="POST",
            path=path,
            timeout=CALL_TIMEOUT,
            data=json.dumps(fields).encode(),
            headers={"idempotency-key": f"weir{path}-{key}"},
        )
        return await self._http.call(backend, call, _Batch)


def _path(wire: Wire) -> str:
    return f"/v1{WIRES[wire].path}"
