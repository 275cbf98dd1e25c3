"""The routes for batches: OpenAI's files and batches, Anthropic's message batches."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aiohttp import BodyPartReader, web

from weir_cli.mock_provider import anthropic_wire, openai_wire
from weir_cli.mock_provider.batches import Batch, Batches, BatchItem, Outcome, Result, jsonl
from weir_cli.mock_provider.json_fields import (
    BadRequest,
    Json,
    Object,
    mapping,
    objects,
    parse,
    text,
)

_LARGEST = 300_000_000  # bytes of a file or a batch
_PIECE = 1 << 18
_OPENAI, _ANTHROPIC = "batch_", "msgbatch_"
_DAY = 86_400
_MESSAGES = "/v1/messages"


class BatchRoutes:
    """The handlers, and the table of their routes."""

    def __init__(self, batches: Batches, lost: Callable[[], bool]) -> None:
        """`lost` says whether to accept the next batch and close the connection unanswered."""
        self._batches = batches
        self._lost = lost

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{id}/content", self._content),
            web.delete("/v1/files/{id}", self._delete_file),
            web.post("/v1/batches", self._create),
            web.get("/v1/batches", self._list),
            web.get("/v1/batches/{id}", self._show),
            web.post("/v1/batches/{id}/cancel", self._cancel),
            web.post("/v1/messages/batches", self._create_messages),
            web.get("/v1/messages/batches", self._list_messages),
            web.get("/v1/messages/batches/{id}", self._show_messages),
            web.delete("/v1/messages/batches/{id}", self._delete_messages),
            web.post("/v1/messages/batches/{id}/cancel", self._cancel_messages),
            web.get("/v1/messages/batches/{id}/results", self._results),
        ]

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        data = bytearray()
        async for part in await request.multipart():
            while isinstance(part, BodyPartReader) and (piece := await part.read_chunk(_PIECE)):
                if part.name == "file":
                    data += _bounded(piece, data)
        name = self._batches.store_file(bytes(data))
        return web.json_response(_file(name, len(data)))

    async def _content(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._file_of(request), content_type="application/jsonl")

    async def _delete_file(self, request: web.Request) -> web.StreamResponse:
        self._file_of(request)
        name = request.match_info["id"]
        del self._batches.files[name]
        return web.json_response({"id": name, "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = parse(await request.read())
        name = text(body, "input_file_id")
        data = self._batches.files.get(name)
        if data is None:
            raise BadRequest(f"No such file: {name}", param="input_file_id")
        items = [_openai_item(parse(line)) for line in data.splitlines() if line.strip()]
        batch = Batch(self._batches.new_id(_OPENAI), items, body, time.time())
        self._batches.submit(batch)
        return self._taken(request, self._openai(batch))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        page, more = _page(self._batches.newest(_OPENAI), request, "after")
        data: list[Json] = [self._openai(batch) for batch in page]
        return web.json_response({"object": "list", "data": data, "has_more": more})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._openai(self._batch_of(request)))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch_of(request)
        if batch.ended:
            raise BadRequest("The batch is over.", status=409)
        batch.cancelled = True
        return web.json_response(self._openai(batch))

    async def _create_messages(self, request: web.Request) -> web.StreamResponse:
        data = bytearray()
        async for piece in request.content.iter_chunked(_PIECE):
            data += _bounded(piece, data)
        body = parse(bytes(data))
        items = [
            BatchItem(text(each, "custom_id"), _MESSAGES, mapping(each, "params"))
            for each in objects(body, "requests")
        ]
        batch = Batch(self._batches.new_id(_ANTHROPIC), items, {}, time.time())
        self._batches.submit(batch)
        return self._taken(request, _anthropic(batch))

    async def _list_messages(self, request: web.Request) -> web.StreamResponse:
        page, more = _page(self._batches.newest(_ANTHROPIC), request, "after_id")
        data: list[Json] = [_anthropic(batch) for batch in page]
        return web.json_response({"data": data, "has_more": more})

    async def _show_messages(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(_anthropic(self._batch_of(request)))

    async def _delete_messages(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch_of(request)
        del self._batches.all[batch.id]
        return web.json_response({"id": batch.id, "type": "message_batch_deleted"})

    async def _cancel_messages(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch_of(request)
        batch.cancelled = True
        return web.json_response(_anthropic(batch))

    async def _results(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch_of(request)
        if not batch.ended:
            raise BadRequest("The batch has not ended.")
        lines: list[Object] = [_anthropic_line(result) for result in batch.results]
        lost: list[Object] = [
            {"custom_id": item.custom_id, "result": {"type": "canceled"}}
            for item in batch.items[len(batch.results) :]
        ]
        lines.extend(lost)
        return web.Response(body=jsonl(lines), content_type="application/x-jsonl")

    def _taken(self, request: web.Request, shown: Object) -> web.StreamResponse:
        if self._lost() and request.transport is not None:
            request.transport.abort()
        return web.json_response(shown)

    def _file_of(self, request: web.Request) -> bytes:
        data = self._batches.files.get(request.match_info["id"])
        if data is None:
            raise BadRequest("No such file.", status=404)
        return data

    def _batch_of(self, request: web.Request) -> Batch:
        batch = self._batches.all.get(request.match_info["id"])
        if batch is None:
            raise BadRequest("No such batch.", status=404)
        return batch

    def _openai(self, batch: Batch) -> Object:
        if batch.ended and "files" not in batch.request:
            batch.request["files"] = self._files(batch)
        files = mapping(batch.request, "files")
        ended = "cancelled" if batch.cancelled else "completed"
        going = "cancelling" if batch.cancelled else "in_progress"
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": text(batch.request, "endpoint"),
            "completion_window": text(batch.request, "completion_window"),
            "input_file_id": text(batch.request, "input_file_id"),
            "metadata": mapping(batch.request, "metadata"),
            "status": ended if batch.ended else going,
            "created_at": int(batch.created),
            "output_file_id": files.get("output"),
            "error_file_id": files.get("error"),
            "request_counts": {
                "total": len(batch.items),
                "completed": batch.count(Outcome.ANSWERED),
                "failed": batch.count(Outcome.REFUSED),
            },
        }

    def _files(self, batch: Batch) -> Object:
        files: Object = {}
        for name, ended in (("output", Outcome.ANSWERED), ("error", Outcome.REFUSED)):
            lines = [_openai_line(result) for result in batch.results if result.outcome is ended]
            if lines:
                files[name] = self._batches.store_file(jsonl(lines))
        return files


def _openai_item(line: Object) -> BatchItem:
    return BatchItem(text(line, "custom_id"), text(line, "url"), mapping(line, "body"))


def _openai_line(result: Result) -> Object:
    refused = result.refused
    body = result.body if refused is None else openai_wire.error(refused)
    response: Json = {"status_code": refused.status if refused else 200, "body": body}
    return {"id": result.item, "custom_id": result.item, "response": response, "error": None}


def _anthropic_line(result: Result) -> Object:
    if result.refused is not None:
        shown: Json = {"type": "errored", "error": anthropic_wire.error(result.refused)}
    else:
        shown = {"type": "succeeded", "message": result.body}
    return {"custom_id": result.item, "result": shown}


def _anthropic(batch: Batch) -> Object:
    over = batch.ended
    left = len(batch.items) - len(batch.results)
    going = "canceling" if batch.cancelled else "in_progress"
    created = datetime.fromtimestamp(batch.created, UTC)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if over else going,
        "request_counts": {
            "processing": 0 if over else len(batch.items),
            "succeeded": batch.count(Outcome.ANSWERED) if over else 0,
            "errored": batch.count(Outcome.REFUSED) if over else 0,
            "canceled": left if over else 0,
            "expired": 0,
        },
        "created_at": created.isoformat(),
        "expires_at": (created + timedelta(seconds=_DAY)).isoformat(),
        "ended_at": created.isoformat() if over else None,
        "results_url": f"/v1/messages/batches/{batch.id}/results" if over else None,
    }


def _page(page: list[Batch], request: web.Request, after: str) -> tuple[list[Batch], bool]:
    limit = request.query.get("limit", "20")
    most = int(limit) if limit.isdecimal() else 20
    last = request.query.get(after)
    ids = [batch.id for batch in page]
    start = ids.index(last) + 1 if last in ids else 0
    return page[start : start + most], len(page) > start + most


def _file(name: str, size: int) -> Object:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": 0,
        "filename": "batch.jsonl",
        "purpose": "batch",
        "status": "processed",
    }


def _bounded(piece: bytes, before: bytearray) -> bytes:
    if len(before) + len(piece) > _LARGEST:
        raise BadRequest(f"Over {_LARGEST} bytes.", status=413)
    return piece
