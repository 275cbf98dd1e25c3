"""GET /v1/models and /v1/models/{id}: what a client may write in `model`, in OpenAI's shape."""

from aiohttp import web

from weir_gateway.domain.errors import NoPolicy
from weir_gateway.http.chat import Tables
from weir_gateway.routing.pipeline import Routing

OWNER = "weir"


class Catalogue:
    """The endpoints."""

    def __init__(self, routing: Routing, tables: Tables) -> None:
        self._routing = routing
        self._tables = tables

    async def list(self, _: web.BaseRequest) -> web.StreamResponse:
        """All names."""
        names = self._routing.prepare(self._tables())
        return web.json_response({"object": "list", "data": [_model(name) for name in names]})

    async def one(self, name: str) -> web.StreamResponse:
        """One name. Raises NoPolicy where nothing serves it."""
        if name not in self._routing.prepare(self._tables()):
            raise NoPolicy(f"no model {name[:100]!r}: GET /v1/models lists them", param="model")
        return web.json_response(_model(name))


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
