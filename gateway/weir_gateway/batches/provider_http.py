"""The HTTP calls that the providers' batch APIs have in common."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Final, Protocol, TypeVar

import msgspec

from weir_gateway.adapters.providers.api_calls import ApiCall, ApiResponse
from weir_gateway.adapters.providers.upstream_errors import invalid_response
from weir_gateway.domain.table import Backend
from weir_wires.wire import Wire

CALL_TIMEOUT: Final = 60.0  # seconds for a small response
UPLOAD_TIMEOUT: Final = 900.0  # seconds for the upload of a batch's file
MAX_RESPONSE: Final = 4 << 20  # bytes of a response that describes batches
LIST_PAGE: Final = 100
LIST_PAGES: Final = 50  # searched for a batch that may exist
MAX_CLOCK_SKEW: Final = 600  # seconds by which a provider's clock may be behind ours

T = TypeVar("T")


class ProviderCalls(Protocol):
    """Calls providers."""

    async def call_api(self, backend: Backend, wire: Wire, api_call: ApiCall) -> ApiResponse:
        """Make a call. Raises UpstreamError for any status but 2xx."""
        ...


class BatchHttp:
    """Calls a provider's batch API with the key header of `wire` and decodes the JSON.

    Every method raises UpstreamError.
    """

    def __init__(self, calls: ProviderCalls, wire: Wire) -> None:
        self._calls = calls
        self._wire = wire

    async def call(self, backend: Backend, call: ApiCall, kind: type[T]) -> T:
        """Make a call and decode its response as `kind`."""
        response = await self._calls.call_api(backend, self._wire, call)
        body = await response.read(MAX_RESPONSE)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise invalid_response(backend, f"answered what can't be read: {error}") from error

    async def get(
        self, backend: Backend, path: str, kind: type[T], query: tuple[tuple[str, str], ...] = ()
    ) -> T:
        call = ApiCall(method="GET", path=path, timeout=CALL_TIMEOUT, query=query)
        return await self.call(backend, call, kind)

    async def stream(self, backend: Backend, path: str) -> AsyncGenerator[bytes]:
        """Yield a response's body in pieces, whatever its size."""
        call = ApiCall(method="GET", path=path, timeout=CALL_TIMEOUT)
        response = await self._calls.call_api(backend, self._wire, call)
        async with contextlib.aclosing(response.chunks()) as pieces:
            async for piece in pieces:
                yield piece

    async def delete(self, backend: Backend, path: str) -> None:
        call = ApiCall(method="DELETE", path=path, timeout=CALL_TIMEOUT)
        response = await self._calls.call_api(backend, self._wire, call)
        response.close()


def page_query(cursor: str, after: str | None) -> tuple[tuple[str, str], ...]:
    """Build the query of a list's page; `cursor` is the provider's name for "after this id"."""
    limit = (("limit", str(LIST_PAGE)),)
    return limit if after is None else (*limit, (cursor, after))
