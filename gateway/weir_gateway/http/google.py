"""Google's paths: what is wanted of a model stands behind its name, as `MODEL:generateContent`."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from aiohttp import web

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.auth import GOOGLE_HEADER, client_key, google_parameter, head_of
from weir_gateway.http.client_wires import GEMINI, GEMINI_COUNT
from weir_gateway.http.endpoint import Endpoint, Reading
from weir_gateway.http.parse import google_gemini
from weir_gateway.http.server import MODELS as STABLE_MODELS
from weir_gateway.http.server import SubpathHandler
from weir_gateway.http.stream_responses import EventStream, ListStream
from weir_wires.wire import Wire

MODELS: Final = "/v1beta/models"
STREAM: Final = "streamGenerateContent"
EVENTS: Final = "sse"  # the value of `alt` that asks for events
METHODS: Final[Mapping[str, Wire]] = {
    "generateContent": GEMINI.wire,
    STREAM: GEMINI.wire,
    "countTokens": GEMINI_COUNT.wire,
}


class GoogleEndpoint:
    """Serves POST /v1beta/models/MODEL:METHOD."""

    def __init__(self, endpoints: Mapping[Wire, Endpoint]) -> None:
        self._endpoints = endpoints

    async def __call__(self, http: web.BaseRequest, below: str) -> web.StreamResponse:
        """Answer one request. Raises BadRequest for a method that isn't served."""
        model, _, method = below.rpartition(":")
        wire = METHODS.get(method)
        if wire is None or not model:
            raise BadRequest(
                f"{below[:200]!r} is not served: write MODEL:{', MODEL:'.join(METHODS)}",
                param=None,
                code="unknown_path",
            )
        stream = method == STREAM
        parse = partial(_parse, _key_in_url(http), model=model, wire=wire, stream=stream)
        events = not stream or http.query.get("alt") == EVENTS
        reading = Reading(parse, EventStream if events else ListStream)
        return await self._endpoints[wire].serve(http, reading)


def google_paths(
    google: GoogleEndpoint, model: SubpathHandler
) -> dict[tuple[str, str], SubpathHandler]:
    """The handlers of what lies below Google's paths; `model` describes one."""
    return {
        ("GET", MODELS): model,
        ("POST", MODELS): google,
        ("POST", STABLE_MODELS): google,
    }


def _key_in_url(http: web.BaseRequest) -> Mapping[str, str]:
    """A provider's key in the URL, as the header; the gateway's own keys never go on."""
    key = google_parameter(head_of(http)) if client_key(http) is None else ""
    return {GOOGLE_HEADER: key} if key else {}


def _parse(
    key: Mapping[str, str],
    body: bytes,
    headers: Mapping[str, str],
    *,
    model: str,
    wire: Wire,
    stream: bool,
) -> Request:
    return google_gemini.parse(body, {**key, **headers}, model, wire, stream=stream)
