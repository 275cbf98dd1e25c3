"""Streams a multipart form: small fields are read whole, files in pieces."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from weir_gateway.domain.errors import BadRequest

CHUNK: Final = 1 << 16  # bytes read at once
MAX_FIELD_BYTES: Final = 4096  # of a field that is not a file
MAX_FIELDS: Final = 16


class Form:
    """One request's form, read part by part."""

    def __init__(self, http: web.BaseRequest, timeout: float) -> None:
        """`timeout` is how many seconds each piece of the form may take."""
        self._http = http
        self._timeout = timeout
        self.fields: dict[str, str] = {}  # the small fields read so far

    async def parts(self) -> AsyncGenerator[tuple[str, BodyPartReader]]:
        """Yield (name, part); read each part before you ask for the next.

        Raises BadRequest where the body is not a valid form.
        """
        with _map_errors(self._timeout):
            reader = await self._http.multipart()
        for _ in range(MAX_FIELDS):
            with _map_errors(self._timeout):
                async with asyncio.timeout(self._timeout):
                    part = await reader.next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise BadRequest("a part of the form is a form itself", code="invalid_form")
            yield part.name or "", part
        raise BadRequest(f"the form has over {MAX_FIELDS} fields", code="invalid_form")

    async def read_field(self, name: str, part: BodyPartReader) -> None:
        """Read a small field into `fields`. Raises BadRequest where it is too long."""
        value = b""
        async for piece in self.pieces(part):
            value += piece
            if len(value) > MAX_FIELD_BYTES:
                message = f"the form's `{name[:100]}` is over {MAX_FIELD_BYTES} bytes"
                raise BadRequest(message, param=name[:100], code="invalid_form")
        self.fields[name] = value.decode("utf-8", "replace")

    async def pieces(self, part: BodyPartReader) -> AsyncGenerator[bytes]:
        """Yield a part's content. Raises BadRequest where it breaks off or takes too long."""
        while True:
            with _map_errors(self._timeout):
                async with asyncio.timeout(self._timeout):
                    piece = await part.read_chunk(CHUNK)
            if not piece:
                return
            yield piece


@contextlib.contextmanager
def _map_errors(timeout: float) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise BadRequest(
            f"a piece of the form did not arrive within {timeout:g} s: send it faster",
            code="body_timeout",
        ) from error
    except (
        # What aiohttp raises for malformed forms.
        *(ValueError, RuntimeError, AssertionError, HttpProcessingError),
        *(web.HTTPException, web.RequestPayloadError),
    ) as error:
        raise BadRequest(f"the form can't be read: {error}", code="invalid_form") from error
