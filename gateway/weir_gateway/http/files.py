"""The endpoints of /v1/files, as OpenAI's clients speak them. Content is streamed both ways."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Protocol

from aiohttp import web

from weir_gateway.domain.batch import FilePurpose, Page, StoredFile
from weir_gateway.domain.errors import BadRequest, BatchesNotEnabled, TooLarge, UnsupportedMedia
from weir_gateway.http.auth import client_key
from weir_gateway.http.body import send_continue
from weir_gateway.http.form import Form

FILES: Final = "/v1/files"
MAX_FORM_OVERHEAD: Final = 64 * 1024  # bytes of a form besides its file
MAX_LIMIT: Final = 10_000
JSONL: Final = "application/jsonl"
BATCHES_DISABLED: Final = (
    "files and batches are disabled on this gateway: its administrator can set WEIR_BATCHES"
)
_WHOLE_NUMBER: Final = re.compile(r"\d{1,6}")


class Files(Protocol):
    """Stores the files of client keys."""

    async def save(
        self, key: str, name: str, purpose: FilePurpose, pieces: AsyncIterator[bytes]
    ) -> StoredFile:
        """Store a file from its pieces. Raises TooLarge and StoreUnavailable."""
        ...

    async def get(self, key: str, file_id: str) -> StoredFile:
        """Return one of the key's files. Raises NoSuchObject."""
        ...

    async def list_files(self, key: str, page: Page, purpose: str | None) -> list[StoredFile]:
        """Return the key's files, newest first; one more than `page.limit` if there are more."""
        ...

    async def delete(self, key: str, file_id: str) -> None:
        """Delete one. Raises NoSuchObject and InUse."""
        ...

    def content(self, file: StoredFile) -> AsyncGenerator[bytes]:
        """Yield the file's content in pieces. Raises StoreUnavailable."""
        ...


class FileEndpoints:
    """Uploads, lists, downloads and deletes files."""

    def __init__(self, files: Files | None, *, max_file_bytes: int, timeout: float) -> None:
        """Without `files` every endpoint answers that batches are disabled.

        Each piece of a file may take `timeout` seconds, up and down.
        """
        self._store = files
        self._max_file_bytes = max_file_bytes
        self._timeout = timeout

    async def create(self, http: web.BaseRequest) -> web.StreamResponse:
        """Store an upload. Raises BadRequest and what the store raises."""
        files = self._files()
        if not http.content_type.startswith("multipart/"):
            raise UnsupportedMedia(f"the body is {http.content_type}: send multipart/form-data")
        if (http.content_length or 0) > self._max_file_bytes + MAX_FORM_OVERHEAD:
            raise TooLarge(
                f"the file is over {self._max_file_bytes} bytes, the most this gateway accepts"
            )
        await send_continue(http)
        form = Form(http, self._timeout)
        stored: StoredFile | None = None
        try:
            async for name, part in form.parts():
                if name == "file" and stored is None:
                    stored = await files.save(
                        owner(http), part.filename or "file", FilePurpose.BATCH, form.pieces(part)
                    )
                else:
                    await form.read_field(name, part)
            _check_purpose(form.fields.get("purpose", ""), stored)
        except BaseException:
            if stored is not None:
                await files.delete(stored.key, stored.id)
            raise
        if stored is None:
            raise BadRequest("the form has no `file`", param="file", code="missing_field")
        return web.json_response(file_json(stored))

    async def list(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer with a page of the client's files."""
        files = self._files()
        page = requested_page(http, MAX_LIMIT, default_limit=MAX_LIMIT)
        found = await files.list_files(owner(http), page, http.query.get("purpose"))
        return web.json_response(page_json([file_json(file) for file in found], page.limit))

    async def get(self, http: web.BaseRequest, rest: str) -> web.StreamResponse:
        """Answer with a file's description or, at `{id}/content`, with its content."""
        file_id, _, action = rest.partition("/")
        if action not in {"", "content"}:
            raise BatchesNotEnabled(f"nothing is served at {http.path[:200]}", code="unknown_path")
        file = await self._files().get(owner(http), file_id)
        return await self._content(http, file) if action else web.json_response(file_json(file))

    async def delete(self, http: web.BaseRequest, file_id: str) -> web.StreamResponse:
        """Delete a file. Raises NoSuchObject and InUse."""
        await self._files().delete(owner(http), file_id)
        return web.json_response({"id": file_id, "object": "file", "deleted": True})

    def _files(self) -> Files:
        if self._store is None:
            raise BatchesNotEnabled(BATCHES_DISABLED)
        return self._store

    async def _content(self, http: web.BaseRequest, file: StoredFile) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": JSONL})
        response.content_length = file.bytes
        await response.prepare(http)
        try:
            async with contextlib.aclosing(self._files().content(file)) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(self._timeout):
                        await response.write(piece)
            await response.write_eof()
        except Exception:
            # An error response must not follow into the middle of this one.
            if http.transport is not None:
                http.transport.abort()
            raise
        return response


def _check_purpose(purpose: str, stored: StoredFile | None) -> None:
    if purpose != FilePurpose.BATCH and stored is not None:
        raise BadRequest(
            "`purpose` must be batch: this gateway stores files for batches only", param="purpose"
        )


def owner(http: web.BaseRequest) -> str:
    """Return the name of the key that owns the client's files and batches.

    It is empty where the gateway requires no keys.
    """
    key = client_key(http)
    return key.name if key is not None else ""


def requested_page(http: web.BaseRequest, max_limit: int, *, default_limit: int) -> Page:
    """Read `limit` and `after` from the query. Raises BadRequest."""
    limit = http.query.get("limit", str(default_limit))
    if not _WHOLE_NUMBER.fullmatch(limit) or not 1 <= int(limit) <= max_limit:
        raise BadRequest(f"`limit` must be a whole number from 1 to {max_limit}", param="limit")
    return Page(int(limit), http.query.get("after") or None)


def page_json(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Write a page as OpenAI's clients read it; one item beyond `limit` means there are more."""
    data = found[:limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > limit,
    }


def file_json(file: StoredFile) -> dict[str, Any]:
    """Write a file's description as OpenAI's clients read it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }
