"""Passes a client's call through to a backend's own API: its path, its body, the backend's key."""

from typing import Protocol

from weir_gateway.adapters.providers.api_calls import ApiCall, ApiResponse
from weir_gateway.domain.table import Backend
from weir_gateway.routing.passthrough import ProviderCall
from weir_wires.registry import WIRES
from weir_wires.wire import Wire


class ApiCaller(Protocol):
    """Makes calls to providers' other APIs."""

    async def call_api(self, backend: Backend, wire: Wire, api_call: ApiCall) -> ApiResponse:
        """Return once the head has come. Raises UpstreamError for any status but 2xx."""
        ...


class ProviderApiCalls:
    """Fills the passthrough endpoint's ProviderApi."""

    def __init__(self, calls: ApiCaller) -> None:
        self._calls = calls

    async def call(self, backend: Backend, call: ProviderCall) -> ApiResponse:
        """Call by the backend's first wire, which says how its key is sent."""
        wire = next(wire for wire in WIRES if wire in backend.wires)
        api_call = ApiCall(
            method=call.method,
            path=call.path,
            timeout=backend.timeouts.total,
            query=call.query,
            data=call.body,
            headers=call.headers,
            from_root=True,
        )
        return await self._calls.call_api(backend, wire, api_call)
