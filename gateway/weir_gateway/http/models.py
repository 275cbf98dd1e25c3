"""GET /v1/models and /v1/models/{id}: the model names that policies serve to this client.

A client that sends Anthropic's version header gets Anthropic's shape, one that calls Google's path
or sends Google's headers Google's, and every other one OpenAI's.
"""

from aiohttp import web

from weir_gateway.domain.errors import NoPolicy
from weir_gateway.http.auth import CLIENT_KEY, head_of
from weir_gateway.http.endpoint import Tables
from weir_gateway.http.errors import ANTHROPIC_HEADER, speaks_google
from weir_gateway.routing.pipeline import Routing

OWNER = "weir"
EPOCH = "1970-01-01T00:00:00Z"  # policies have no creation time that a client could use


class ModelEndpoints:
    """Lists the models of the current route table."""

    def __init__(self, routing: Routing, tables: Tables) -> None:
        self._routing = routing
        self._tables = tables

    async def list(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer with all names on one page."""
        names = self._names(http)
        if speaks_google(head_of(http)):
            return web.json_response({"models": [_google_model(name) for name in names]})
        if ANTHROPIC_HEADER not in http.headers:
            return web.json_response({"object": "list", "data": [_model(name) for name in names]})
        page = {
            "data": [_anthropic_model(name) for name in names],
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }
        return web.json_response(page)

    async def get(self, http: web.BaseRequest, name: str) -> web.StreamResponse:
        """Answer with one name. Raises NoPolicy where no policy serves it."""
        if not self._routing.serves(self._tables(), name, http.get(CLIENT_KEY)):
            raise NoPolicy(f"no model {name[:100]!r}: GET /v1/models lists them", param="model")
        anthropic = _anthropic_model if ANTHROPIC_HEADER in http.headers else _model
        shape = _google_model if speaks_google(head_of(http)) else anthropic
        return web.json_response(shape(name))

    def _names(self, http: web.BaseRequest) -> tuple[str, ...]:
        """The models that the client's key may use; without keys, all."""
        return self._routing.prepare(self._tables(), http.get(CLIENT_KEY))


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def _anthropic_model(name: str) -> dict[str, str | int]:
    return {"type": "model", "id": name, "display_name": name, "created_at": EPOCH}


def _google_model(name: str) -> dict[str, str | list[str]]:
    methods = ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "1",
        "displayName": name,
        "supportedGenerationMethods": methods,
    }
