"""POST /v1/files and what may be done with one, as OpenAI's clients speak it. Streams both ways.

Must not know where files lie.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Any, Final, Protocol

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from weir_gateway.domain.batch import Page, Purpose, StoredFile
from weir_gateway.domain.errors import BadRequest, NotKept, TooLarge, UnsupportedMedia
from weir_gateway.http.auth import client_key
from weir_gateway.http.body import send_continue

FILES: Final = "/v1/files"
CHUNK: Final = 1 << 16  # bytes that are read at once
MAX_FIELD_BYTES: Final = 4096  # bytes of a field that is no file
MAX_FIELDS: Final = 16
MAX_FORM_OVERHEAD: Final = 64 * 1024  # bytes of a form beside its file
MAX_LIMIT: Final = 10_000
JSONL: Final = "application/jsonl"
BATCHES_DISABLED: Final = (
    "this gateway keeps no files and batches: whoever runs it can set WEIR_BATCHES"
)
_WHOLE: Final = re.compile(r"\d{1,6}")


class Files(Protocol):
    """Where files are kept."""

    async def save(
        self, key: str, name: str, purpose: Purpose, pieces: AsyncIterator[bytes]
    ) -> StoredFile:
        """Keep one. Raises TooLarge and StoreUnavailable."""
        ...

    async def get(self, key: str, file_id: str) -> StoredFile:
        """The key's file of this id. Raises NoSuchObject."""
        ...

    async def list_files(self, key: str, page: Page, purpose: str | None) -> list[StoredFile]:
        """The key's files, newest first, and one more than the page has where there are more."""
        ...

    async def delete(self, key: str, file_id: str) -> None:
        """Delete one. Raises NoSuchObject and InUse."""
        ...

    def content(self, file: StoredFile) -> AsyncGenerator[bytes]:
        """What is in it, piece by piece. Raises StoreUnavailable."""
        ...


class FileEndpoints:
    """The endpoints."""

    def __init__(self, files: Files | None, *, max_file_bytes: int, timeout: float) -> None:
        """Without `files` each says that none are kept.

        `largest` is the most bytes a file may have, `within` seconds that a piece of it may take.
        """
        self._kept = files
        self._largest = max_file_bytes
        self._within = timeout

    async def create(self, http: web.BaseRequest) -> web.StreamResponse:
        """Keep what is uploaded. Raises BadRequest and what the store raises."""
        files = self._files()
        if not http.content_type.startswith("multipart/"):
            raise UnsupportedMedia(f"the body is {http.content_type}: send multipart/form-data")
        if (http.content_length or 0) > self._largest + MAX_FORM_OVERHEAD:
            raise TooLarge(f"the file is over {self._largest} bytes, the most there may be")
        await send_continue(http)
        form = Form(http, self._within)
        kept: StoredFile | None = None
        try:
            async for name, part in form.parts():
                if name == "file" and kept is None:
                    pieces = form.pieces(part)
                    kept = await files.save(
                        owner(http), part.filename or "file", Purpose.BATCH, pieces
                    )
                else:
                    await form.field(name, part)
            _check(form.fields.get("purpose", ""), kept)
        except BaseException:
            if kept is not None:
                await files.delete(kept.key, kept.id)
            raise
        if kept is None:
            raise BadRequest("the form has no `file`", param="file", code="missing_field")
        return web.json_response(file_json(kept))

    async def list(self, http: web.BaseRequest) -> web.StreamResponse:
        """The client's files."""
        files = self._files()
        page = requested_page(http, MAX_LIMIT, default_limit=MAX_LIMIT)
        found = await files.list_files(owner(http), page, http.query.get("purpose"))
        return web.json_response(page_json([file_json(file) for file in found], page.limit))

    async def get(self, http: web.BaseRequest, rest: str) -> web.StreamResponse:
        """GET of a file or, below it, of its content."""
        file_id, _, what = rest.partition("/")
        if what not in {"", "content"}:
            raise NotKept(f"nothing is served at {http.path[:200]}", code="unknown_path")
        file = await self._files().get(owner(http), file_id)
        return await self._content(http, file) if what else web.json_response(file_json(file))

    async def delete(self, http: web.BaseRequest, file_id: str) -> web.StreamResponse:
        """DELETE of a file."""
        await self._files().delete(owner(http), file_id)
        return web.json_response({"id": file_id, "object": "file", "deleted": True})

    def _files(self) -> Files:
        if self._kept is None:
            raise NotKept(BATCHES_DISABLED)
        return self._kept

    async def _content(self, http: web.BaseRequest, file: StoredFile) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": JSONL})
        response.content_length = file.bytes
        await response.prepare(http)
        try:
            async with contextlib.aclosing(self._files().content(file)) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(self._within):
                        await response.write(piece)
            await response.write_eof()
        except Exception:
            if http.transport is not None:
                http.transport.abort()  # no second response into the middle of this one
            raise
        return response


class Form:
    """A form as it comes: small fields at once, files in pieces."""

    def __init__(self, http: web.BaseRequest, within: float) -> None:
        """`within` is how many seconds a piece of it may take."""
        self._http = http
        self._within = within
        self.fields: dict[str, str] = {}

    async def parts(self) -> AsyncGenerator[tuple[str, BodyPartReader]]:
        """Each part once those before it are read. Raises BadRequest where it is no form."""
        with _mapped(self._within):
            reader = await self._http.multipart()
        for _ in range(MAX_FIELDS):
            with _mapped(self._within):
                async with asyncio.timeout(self._within):
                    part = await reader.next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise BadRequest("a part of the form is a form itself", code="invalid_form")
            yield part.name or "", part
        raise BadRequest(f"the form has over {MAX_FIELDS} fields", code="invalid_form")

    async def field(self, name: str, part: BodyPartReader) -> None:
        """Read a small one. Raises BadRequest."""
        value = b""
        async for piece in self.pieces(part):
            value += piece
            if len(value) > MAX_FIELD_BYTES:
                message = f"the form's `{name[:100]}` is over {MAX_FIELD_BYTES} bytes"
                raise BadRequest(message, param=name[:100], code="invalid_form")
        self.fields[name] = value.decode("utf-8", "replace")

    async def pieces(self, part: BodyPartReader) -> AsyncGenerator[bytes]:
        """A part's content. Raises BadRequest where it breaks off or takes too long."""
        while True:
            with _mapped(self._within):
                async with asyncio.timeout(self._within):
                    piece = await part.read_chunk(CHUNK)
            if not piece:
                return
            yield piece


@contextlib.contextmanager
def _mapped(within: float) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise BadRequest(
            f"a piece of the form did not arrive within {within:g} s: send it faster",
            code="body_timeout",
        ) from error
    except (
        *(ValueError, RuntimeError, AssertionError, HttpProcessingError),  # aiohttp's, of bad forms
        *(web.HTTPException, web.RequestPayloadError),
    ) as error:
        raise BadRequest(f"the form can't be read: {error}", code="invalid_form") from error


def _check(purpose: str, kept: StoredFile | None) -> None:
    if purpose != Purpose.BATCH and kept is not None:
        raise BadRequest(
            "`purpose` must be batch: this gateway keeps files for batches only", param="purpose"
        )


def owner(http: web.BaseRequest) -> str:
    """Whose the client's files and batches are: its key's name, empty where none is asked for."""
    key = client_key(http)
    return key.name if key is not None else ""


def requested_page(http: web.BaseRequest, max_limit: int, *, default_limit: int) -> Page:
    """Which part of a list is asked for. Raises BadRequest."""
    limit = http.query.get("limit", str(default_limit))
    if not _WHOLE.fullmatch(limit) or not 1 <= int(limit) <= max_limit:
        raise BadRequest(f"`limit` must be a whole number from 1 to {max_limit}", param="limit")
    return Page(int(limit), http.query.get("after") or None)


def page_json(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page as OpenAI's clients read it; `found` may have one more than fits."""
    data = found[:limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > limit,
    }


def file_json(file: StoredFile) -> dict[str, Any]:
    """A file as OpenAI's clients read it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }
