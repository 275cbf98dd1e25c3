"""Calls to providers' other APIs: files and batches."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from weir_gateway.adapters.providers.credentials import redact
from weir_gateway.adapters.providers.identity.port import UnsignedCall
from weir_gateway.adapters.providers.prepared import Prepared, url_from_root, url_of
from weir_gateway.adapters.providers.reply_headers import passed_on
from weir_gateway.adapters.providers.upstream_errors import (
    from_status,
    invalid_response,
    map_client_errors,
)
from weir_gateway.domain.table import Backend

OK: Final = range(200, 300)
ERROR_BODY: Final = 64 * 1024  # bytes read of an error body
CHUNK_BYTES: Final = 1 << 18  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call."""

    method: str
    path: str  # below the API's /v1, or `from_root`
    timeout: float  # seconds until the response's head
    query: tuple[tuple[str, str], ...] = ()
    data: object = None  # what aiohttp sends: bytes, a file, a form
    json: bool = True  # False: a form, which sets its own content type
    from_root: bool = False  # the path is a client's: encoded, with the API's version in it
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class ApiResponse:
    """A response whose head has come."""

    def __init__(self, backend: Backend, response: aiohttp.ClientResponse) -> None:
        self._backend = backend
        self._response = response

    @property
    def status(self) -> int:
        """Its status, 2xx."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """What a client gets of its headers, names in lower case."""
        return passed_on(self._response.headers)

    async def read(self, max_bytes: int) -> bytes:
        """Read the body. Raises UpstreamError if it exceeds `max_bytes`, breaks or times out."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > max_bytes:
                raise invalid_response(self._backend, f"answered with more than {max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body, then close. Raises UpstreamError if it breaks or times out."""
        content = self._response.content
        try:
            while True:
                with map_client_errors(self._backend, "was silent"):
                    async with asyncio.timeout(self._backend.timeouts.idle):
                        piece = await content.read(CHUNK_BYTES)
                if not piece:
                    break
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Release the connection, or close it if the body was not read to its end."""
        self._response.release() if self._response.content.at_eof() else self._response.close()


def unsigned_call(prepared: Prepared, api_call: ApiCall) -> UnsignedCall:
    """The call without authorization by an identity; a form's body is not known beforehand."""
    backend = prepared.backend
    headers = {**prepared.headers, **api_call.headers}
    if not api_call.json:
        headers = {k: v for k, v in prepared.headers.items() if k != "content-type"}
    wire = prepared.wire.wire
    find = url_from_root if api_call.from_root else url_of
    url = find(backend, wire, api_call.path).update_query(list(api_call.query))
    body = api_call.data if isinstance(api_call.data, bytes) else b""
    return UnsignedCall(api_call.method, url, headers, body)


async def checked_response(prepared: Prepared, response: aiohttp.ClientResponse) -> ApiResponse:
    """The response if its status is 2xx. Raises UpstreamError with the provider's message."""
    backend = prepared.backend
    answer = ApiResponse(backend, response)
    if response.status in OK:
        return answer
    body = redact(prepared.secret, await answer.read(ERROR_BODY))
    errors = prepared.wire.errors
    retry_after = response.headers.get("retry-after")
    raise from_status(backend, response.status, body, retry_after, errors, errors)
