"""The endpoints of /v1/batches, as OpenAI's clients speak them; the routes of files and batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from weir_gateway.domain.batch import Batch, BatchStatus, FileId, NewBatch, Page
from weir_gateway.domain.errors import BadRequest, BatchesNotEnabled
from weir_gateway.http.auth import client_key_header
from weir_gateway.http.body import read_body
from weir_gateway.http.files import (
    BATCHES_DISABLED,
    FILES,
    FileEndpoints,
    Files,
    owner,
    page_json,
    requested_page,
)
from weir_gateway.http.parse.request_facts import SECRET_HEADERS, decode
from weir_gateway.http.server import Handler, SubpathHandler
from weir_runtime.quantities import duration

BATCHES: Final = "/v1/batches"
MAX_BODY: Final = 64 * 1024  # bytes; only the metadata may be long
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
MAX_METADATA_PAIRS: Final = 16  # OpenAI's bounds
MAX_KEY_CHARS: Final = 64
MAX_VALUE_CHARS: Final = 512
MIN_WINDOW: Final = 1.0  # seconds
MAX_WINDOW: Final = 7 * 86_400.0  # seconds
# These headers belong to the request that creates a batch, not to the batch's items.
DROPPED_HEADERS: Final = SECRET_HEADERS | {
    *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect"),
    *("host", "idempotency-key", "traceparent", "tracestate", "transfer-encoding", "x-weir-key"),
}


class Batches(Protocol):
    """Stores the batches of client keys."""

    async def create(self, new: NewBatch) -> Batch:
        """Store a new batch. Raises NoSuchObject, BadRequest and NothingCanServe."""
        ...

    async def get(self, key: str, batch_id: str) -> Batch:
        """Return one of the key's batches. Raises NoSuchObject."""
        ...

    async def list_batches(self, key: str, page: Page) -> list[Batch]:
        """Return the key's batches, newest first; one more than `page.limit` if there are more."""
        ...

    async def cancel(self, key: str, batch_id: str) -> Batch:
        """Request cancellation. Raises NoSuchObject and InUse."""
        ...


class _New(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


_NEW: Final = msgspec.json.Decoder(_New)


@dataclass(frozen=True, slots=True)
class BatchRoutes:
    """Handlers of files and batches by (method, path)."""

    exact: Mapping[tuple[str, str], Handler]
    subpaths: Mapping[tuple[str, str], SubpathHandler]  # what lies below the path


def batch_routes(
    files: Files | None, batches: Batches | None, *, max_file_bytes: int, timeout: float
) -> BatchRoutes:
    """Build the routes; where `files` and `batches` are None, they answer that both are disabled.

    A body, or a piece of a file, may take `timeout` seconds.
    """
    file = FileEndpoints(files, max_file_bytes=max_file_bytes, timeout=timeout)
    batch = BatchEndpoints(batches, timeout=timeout)
    return BatchRoutes(
        {
            ("POST", FILES): file.create,
            ("GET", FILES): file.list,
            ("POST", BATCHES): batch.create,
            ("GET", BATCHES): batch.list,
        },
        {
            ("GET", FILES): file.get,
            ("DELETE", FILES): file.delete,
            ("GET", BATCHES): batch.get,
            ("POST", BATCHES): batch.cancel,
        },
    )


class BatchEndpoints:
    """Creates, lists, describes and cancels batches."""

    def __init__(self, batches: Batches | None, *, timeout: float) -> None:
        """Without `batches` every endpoint answers that batches are disabled."""
        self._store = batches
        self._timeout = timeout

    async def create(self, http: web.BaseRequest) -> web.StreamResponse:
        """Store a new batch. Raises BadRequest naming the field."""
        batches = self._batches()
        fields = decode(_NEW, await read_body(http, max_bytes=MAX_BODY, within=self._timeout))
        metadata = fields.metadata or {}
        _check_metadata(metadata)
        key_header = client_key_header(http)
        new = NewBatch(
            key=owner(http),
            endpoint=fields.endpoint,
            input_file=FileId(fields.input_file_id),
            window=fields.completion_window,
            seconds=_window_seconds(fields.completion_window),
            metadata=metadata,
            headers={
                lower: value
                for name, value in http.headers.items()
                if (lower := name.lower()) not in DROPPED_HEADERS and lower != key_header
            },
        )
        return web.json_response(batch_json(await batches.create(new)))

    async def list(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer with a page of the client's batches."""
        page = requested_page(http, MAX_LIMIT, default_limit=DEFAULT_LIMIT)
        found = await self._batches().list_batches(owner(http), page)
        return web.json_response(page_json([batch_json(batch) for batch in found], page.limit))

    async def get(self, http: web.BaseRequest, batch_id: str) -> web.StreamResponse:
        """Answer with one batch. Raises NoSuchObject."""
        return web.json_response(batch_json(await self._batches().get(owner(http), batch_id)))

    async def cancel(self, http: web.BaseRequest, rest: str) -> web.StreamResponse:
        """Serve POST {id}/cancel. Raises NoSuchObject and InUse."""
        batch_id, _, action = rest.partition("/")
        if action != "cancel":
            raise BatchesNotEnabled(f"nothing is served at {http.path[:200]}", code="unknown_path")
        return web.json_response(batch_json(await self._batches().cancel(owner(http), batch_id)))

    def _batches(self) -> Batches:
        if self._store is None:
            raise BatchesNotEnabled(BATCHES_DISABLED)
        return self._store


def _check_metadata(metadata: Mapping[str, str]) -> None:
    too_many = len(metadata) > MAX_METADATA_PAIRS
    too_long = any(len(k) > MAX_KEY_CHARS or len(v) > MAX_VALUE_CHARS for k, v in metadata.items())
    if too_many or too_long:
        raise BadRequest(
            f"`metadata` may have {MAX_METADATA_PAIRS} pairs, keys of {MAX_KEY_CHARS} "
            f"and values of {MAX_VALUE_CHARS} characters",
            param="metadata",
        )


def _window_seconds(window: str) -> float:
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
    """Write a batch as OpenAI's clients read it."""
    errors = [
        {"code": e.code, "line": e.line, "message": e.message, "param": e.param}
        for e in batch.errors
    ]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
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
