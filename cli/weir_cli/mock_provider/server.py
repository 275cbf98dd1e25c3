"""The mock provider's HTTP server: routes, faults, delays and counters."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from weir_cli.mock_provider import anthropic_wire, gemini_wire, openai_wire, responses_wire
from weir_cli.mock_provider.answers import answer, scripted
from weir_cli.mock_provider.batch_routes import BatchRoutes
from weir_cli.mock_provider.batches import Batches
from weir_cli.mock_provider.config import Delay, Fault, Kind, Script, due
from weir_cli.mock_provider.json_fields import BadRequest, Object, parse
from weir_cli.mock_provider.model_request import ModelAnswer, ModelRequest
from weir_cli.mock_provider.stats import RequestStats

_LARGEST_BODY = 32 * 2**20
_LONGEST_HANG = 3600.0
_PAGE = "<html><body><h1>502 Bad Gateway</h1><p>weir stand-in, a configured fault</p></body></html>"
_NOTE = "This is Weir's stand-in: it answers by hash and is no model."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class MockConfig:
    """Which models there are, and how they behave."""

    models: tuple[str, ...] = ()  # empty: answers under any name
    delay: Delay = field(default_factory=Delay)
    faults: tuple[Fault, ...] = ()
    script: Script = field(default_factory=dict[tuple[str, str], str])


@dataclass(slots=True)
class MockProvider:
    """The server's state: its configuration and its counters."""

    config: MockConfig
    stats: RequestStats = field(default_factory=RequestStats)
    batches: Batches = field(init=False)

    def __post_init__(self) -> None:
        self.batches = Batches(self.stats, self._refused_item, self.config.delay.batch)

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_errors])
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/responses", self._responses),
                web.post("/v1/completions", self._completions),
                web.post("/v1/embeddings", self._embeddings),
                web.get("/v1/models", self._models),
                web.get("/v1/models/{id:.+}", self._model),
                web.post("/v1/messages", self._messages),
                web.post("/v1/messages/count_tokens", self._count),
                web.post("/v1beta/models/{model:.+}:{method:[A-Za-z]+}", self._gemini),
                web.get("/v1beta/models", self._models),
                web.get("/stand-in/stats", self._show_stats),
                web.delete("/stand-in/stats", self._clear_stats),
                web.get("/stand-in/books", self._show_stats),  # the old path, for one version
                web.delete("/stand-in/books", self._clear_stats),
                web.get("/", _hello),
                *BatchRoutes(self.batches, self._loses_batch).routes(),
            ]
        )
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        await self.batches.stop()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        wanted = openai_wire.read_request(parse(await request.read()))
        answers = [self._answer(wanted, at) for at in range(wanted.choices)]
        written = sum(each.tokens for each in answers)
        whole = openai_wire.completion(wanted, answers)
        return await self._reply(
            request, wanted, written, whole, openai_wire.events(wanted, answers)
        )

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        wanted = responses_wire.read_request(parse(await request.read()))
        single = self._answer(wanted)
        whole = responses_wire.response(wanted, single)
        return await self._reply(
            request, wanted, single.tokens, whole, responses_wire.events(wanted, single)
        )

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        wanted = responses_wire.read_legacy_request(parse(await request.read()))
        answers = [self._answer(wanted, at) for at in range(wanted.choices)]
        written = sum(each.tokens for each in answers)
        whole = responses_wire.completion(wanted, answers)
        return await self._reply(
            request, wanted, written, whole, responses_wire.completion_events(wanted, answers)
        )

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        wanted = anthropic_wire.read_request(parse(await request.read()))
        single = self._answer(wanted)
        whole = anthropic_wire.message(wanted, single)
        return await self._reply(
            request, wanted, single.tokens, whole, anthropic_wire.events(wanted, single)
        )

    async def _gemini(self, request: web.Request) -> web.StreamResponse:
        body, model = parse(await request.read()), request.match_info["model"]
        method = request.match_info["method"]
        if method == "countTokens":
            return web.json_response(gemini_wire.count(body, model))
        wanted = gemini_wire.read_request(body, model, method)
        single = self._answer(wanted)
        whole = gemini_wire.response(wanted, single)
        return await self._reply(
            request, wanted, single.tokens, whole, gemini_wire.events(wanted, single)
        )

    async def _reply(
        self,
        request: web.Request,
        wanted: ModelRequest,
        written: int,
        whole: Object,
        events: Iterable[bytes],
    ) -> web.StreamResponse:
        self._require_known(wanted.model)
        line = self.stats.of(wanted.model)
        line.requests += 1
        fault = self._fault(wanted.model, line.requests)
        try:
            await asyncio.sleep(self.config.delay.first)
            if fault is not None:
                line.failed += 1
                return await _fail(request, fault)
            reply = (
                await _stream(request, events, self.config.delay.chunk)
                if wanted.stream
                else web.json_response(whole)
            )
        except (asyncio.CancelledError, ConnectionResetError):
            line.aborted += 1
            raise
        line.prompt_tokens += wanted.prompt_tokens
        line.completion_tokens += written
        return reply

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        reply, model, read = openai_wire.embeddings(parse(await request.read()))
        self._require_known(model)
        line = self.stats.of(model)
        line.requests += 1
        line.prompt_tokens += read
        return web.json_response(reply)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(anthropic_wire.count(parse(await request.read())))

    async def _models(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(openai_wire.models(self.config.models or ("stand-in",)))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        self._require_known(name)
        return web.json_response(openai_wire.model(name))

    async def _show_stats(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.stats.to_json())

    async def _clear_stats(self, _: web.Request) -> web.StreamResponse:
        self.stats.clear()
        return web.Response(status=204)

    def _answer(self, wanted: ModelRequest, at: int = 0) -> ModelAnswer:
        text = self.config.script.get((wanted.model, wanted.question))
        return answer(wanted, at) if text is None else scripted(wanted, text)

    def _require_known(self, model: str) -> None:
        if self.config.models and model not in self.config.models:
            raise BadRequest(
                f"The model `{model}` does not exist here.",
                param="model",
                status=404,
                code="model_not_found",
            )

    def _fault(self, model: str, request: int) -> Fault | None:
        return next(
            (
                fault
                for fault in self.config.faults
                if fault.kind is not Kind.LOST
                and fault.model in {"", model}
                and due(fault.rate, request)
            ),
            None,
        )

    def _refused_item(self, model: str, number: int) -> BadRequest | None:
        """What a model's nth item of a batch is answered with, where it fails."""
        try:
            self._require_known(model)
        except BadRequest as unknown:
            return unknown
        fault = self._fault(model, number)
        if fault is None:
            return None
        return BadRequest("A configured fault.", status=fault.status, code="ordered_fault")

    def _loses_batch(self) -> bool:
        """Whether the answer to the batch that has just been taken is lost."""
        faults = (fault for fault in self.config.faults if fault.kind is Kind.LOST)
        return any(due(fault.rate, self.stats.batches) for fault in faults)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        reply = await handler(request)
    except BadRequest as refused:
        return _refusal(request, refused)
    if not reply.prepared:
        reply.headers["server"] = "weir-stand-in"
    return reply


def _refusal(request: web.Request, refused: BadRequest) -> web.Response:
    if request.path.startswith("/v1beta/"):
        return web.json_response(gemini_wire.error(refused), status=refused.status)
    wire = anthropic_wire if request.path.startswith("/v1/messages") else openai_wire
    return web.json_response(wire.error(refused), status=refused.status)


async def _hello(_: web.Request) -> web.StreamResponse:
    return web.Response(text=f"{_NOTE}\nIts counters: GET /stand-in/stats\n")


async def _stream(
    request: web.Request, events: Iterable[bytes], between: float, *, whole: bool = True
) -> web.StreamResponse:
    reply = web.StreamResponse(
        headers={"content-type": "text/event-stream", "server": "weir-stand-in"}
    )
    await reply.prepare(request)
    for sent, event in enumerate(events):
        if not whole and sent > 1:
            break
        if sent and between:
            await asyncio.sleep(between)
        await reply.write(event)
    if not whole:
        _cut(request)
        return reply
    await reply.write_eof()
    return reply


async def _fail(request: web.Request, fault: Fault) -> web.StreamResponse:
    match fault.kind:
        case Kind.STATUS:
            refused = BadRequest("A configured fault.", status=fault.status, code="ordered_fault")
            return _refusal(request, refused)
        case Kind.HTML:
            return web.Response(status=502, text=_PAGE, content_type="text/html")
        case Kind.HANG:
            await asyncio.sleep(_LONGEST_HANG)
            return web.Response(status=504)
        case Kind.CLOSE:
            _cut(request)
            return web.Response(status=500)
        case Kind.LOST:
            return web.Response(status=500)  # of batches only: never asked for here
        case Kind.BREAK:
            part = b"data: " + json.dumps({"choices": []}).encode() + b"\n\n"
            return await _stream(request, (part, part, part), 0.0, whole=False)


def _cut(request: web.Request) -> None:
    """Close the connection under the answer, as a dying server does."""
    if request.transport is not None:
        request.transport.abort()
