"""POST /v1/batches and what may be done with one, as OpenAI's clients speak it.

Must not know how batches are run.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from weir_gateway.domain.batch import Batch, BatchStatus, FileId, NewBatch, Page
from weir_gateway.domain.errors import BadRequest, NotKept
from weir_gateway.http.auth import client_key_header
from weir_gateway.http.body import read_body
from weir_gateway.http.files import BATCHES_DISABLED, owner, page_json, requested_page
from weir_gateway.http.parse.request_facts import SECRET_HEADERS, decode
from weir_runtime.quantities import duration

BATCHES: Final = "/v1/batches"
MAX_BODY: Final = 64 * 1024  # bytes; metadata is all that may be long
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
MAX_METADATA_PAIRS: Final = 16  # pairs, as at OpenAI
MAX_KEY_CHARS: Final = 64
MAX_VALUE_CHARS: Final = 512
MIN_WINDOW: Final = 1.0  # seconds
MAX_WINDOW: Final = 7 * 86_400.0  # seconds
# Of the request that makes a batch; its items are none of these.
DROPPED_HEADERS: Final = SECRET_HEADERS | {
    *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect"),
    *("host", "idempotency-key", "traceparent", "tracestate", "transfer-encoding", "x-weir-key"),
}


class Batches(Protocol):
    """Where batches are kept."""

    async def create(self, new: NewBatch) -> Batch:
        """Take one in. Raises NoSuchObject, BadRequest and NothingCanServe."""
        ...

    async def get(self, key: str, batch_id: str) -> Batch:
        """The key's batch of this id. Raises NoSuchObject."""
        ...

    async def list_batches(self, key: str, page: Page) -> list[Batch]:
        """The key's batches, newest first, and one more than the page has where there are more."""
        ...

    async def cancel(self, key: str, batch_id: str) -> Batch:
        """Ask for its end. Raises NoSuchObject and InUse."""
        ...


class _New(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


_NEW: Final = msgspec.json.Decoder(_New)


class BatchEndpoints:
    """The endpoints."""

    def __init__(self, batches: Batches | None, *, timeout: float) -> None:
        """Without `batches` each says that none are kept; bodies may take `within` seconds."""
        self._kept = batches
        self._within = timeout

    async def create(self, http: web.BaseRequest) -> web.StreamResponse:
        """Take one in. Raises BadRequest naming the field."""
        batches = self._batches()
        asked = decode(_NEW, await read_body(http, max_bytes=MAX_BODY, within=self._within))
        metadata = asked.metadata or {}
        _check(metadata)
        own = client_key_header(http)
        new = NewBatch(
            key=owner(http),
            endpoint=asked.endpoint,
            input_file=FileId(asked.input_file_id),
            window=asked.completion_window,
            seconds=_seconds(asked.completion_window),
            metadata=metadata,
            headers={
                lower: value
                for name, value in http.headers.items()
                if (lower := name.lower()) not in DROPPED_HEADERS and lower != own
            },
        )
        return web.json_response(batch_json(await batches.create(new)))

    async def list(self, http: web.BaseRequest) -> web.StreamResponse:
        """The client's batches."""
        page = requested_page(http, MAX_LIMIT, default_limit=DEFAULT_LIMIT)
        found = await self._batches().list_batches(owner(http), page)
        return web.json_response(page_json([batch_json(batch) for batch in found], page.limit))

    async def get(self, http: web.BaseRequest, batch_id: str) -> web.StreamResponse:
        """GET of a batch."""
        return web.json_response(batch_json(await self._batches().get(owner(http), batch_id)))

    async def cancel(self, http: web.BaseRequest, rest: str) -> web.StreamResponse:
        """POST to a batch's `cancel`."""
        batch_id, _, what = rest.partition("/")
        if what != "cancel":
            raise NotKept(f"nothing is served at {http.path[:200]}", code="unknown_path")
        return web.json_response(batch_json(await self._batches().cancel(owner(http), batch_id)))

    def _batches(self) -> Batches:
        if self._kept is None:
            raise NotKept(BATCHES_DISABLED)
        return self._kept


def _check(metadata: Mapping[str, str]) -> None:
    too_many = len(metadata) > MAX_METADATA_PAIRS
    too_long = any(len(k) > MAX_KEY_CHARS or len(v) > MAX_VALUE_CHARS for k, v in metadata.items())
    if too_many or too_long:
        raise BadRequest(
            f"`metadata` may have {MAX_METADATA_PAIRS} pairs, keys of {MAX_KEY_CHARS} "
            f"and values of {MAX_VALUE_CHARS} characters",
            param="metadata",
        )


def _seconds(window: str) -> float:
    try:
        seconds: float = duration(window)
    except ValueError:
        seconds = 0.0
    if not MIN_WINDOW <= seconds <= MAX_WINDOW:
        raise BadRequest(
            "`completion_window` must be a duration from 1s to 168h, such as 24h",
            param="completion_window",
        )
    return seconds


def batch_json(batch: Batch) -> dict[str, Any]:
    """A batch as OpenAI's clients read it."""
    data = [
        {"code": e.code, "line": e.line, "message": e.message, "param": e.param}
        for e in batch.errors
    ]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": data} if data else None,
        "input_file_id": batch.input_file,
        "completion_window": batch.window,
        "status": batch.status,
        "output_file_id": batch.output_file,
        "error_file_id": batch.error_file,
        "created_at": batch.created,
        "expires_at": batch.expires,
        **{f"{status}_at": getattr(batch, status) for status in _TIMES},
        "request_counts": {
            "total": batch.counts.total,
            "completed": batch.counts.completed,
            "failed": batch.counts.failed,
        },
        "metadata": dict(batch.metadata) or None,
    }


_TIMES: Final = tuple(str(status) for status in BatchStatus if status is not BatchStatus.VALIDATING)
