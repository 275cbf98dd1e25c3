"""One request is one trace, from the client's span through gateway and scorer to the provider."""

import secrets
from pathlib import Path

import aiohttp
from aiohttp import web
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support.chat_client import TIMEOUT, ask, chat
from support.otlp import Seen, collecting
from support.programs import quickstart, up
from weir_cli.mock_provider.server import MockConfig, MockProvider

SERVER = Span.SpanKind.SPAN_KIND_SERVER
CLIENT = Span.SpanKind.SPAN_KIND_CLIENT


async def test_one_request_is_one_trace(tmp_path: Path) -> None:
    trace_id, client_span = secrets.token_bytes(16), secrets.token_bytes(8)
    heard: list[str] = []
    async with collecting() as collector:
        environment = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRICS_EXPORTER": "none",
        }
        runner, upstream = await _upstream(heard)
        policies = quickstart(upstream, tmp_path / "policies")
        with up([policies], log=tmp_path / "log", environment=environment) as running:
            headers = {"traceparent": f"00-{trace_id.hex()}-{client_span.hex()}-01"}
            async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
                answer = await ask(session, running.url, chat("Why does a weir hold water?"))
            names = {"POST /v1/chat/completions", "weir.decide", "weir.batch", "chat small"}
            spans = await collector.wait_for(trace_id, names, within=20)
        await runner.cleanup()
    assert answer.status == 200
    _check(spans, client_span, heard)


def _check(spans: list[Seen], client_span: bytes, heard: list[str]) -> None:
    server = _one(spans, "POST /v1/chat/completions")
    assert (server.service, server.span.kind) == ("weir-gateway", SERVER)
    assert server.span.parent_span_id == client_span
    decide = _one(spans, "weir.decide")
    assert decide.span.parent_span_id == server.span.span_id
    assert decide.attributes["weir.reason"] == "scored"
    call = next(s for s in spans if s.span.kind == CLIENT and s.name.endswith("Score"))
    assert (call.service, call.span.parent_span_id) == ("weir-gateway", decide.span.span_id)
    scored = next(s for s in spans if s.span.kind == SERVER and s.name.endswith("Score"))
    assert (scored.service, scored.span.parent_span_id) == ("weir-scorer", call.span.span_id)
    batch = _one(spans, "weir.batch")
    assert batch.service == "weir-scorer"
    assert scored.span.span_id in {
        batch.span.parent_span_id,
        *(link.span_id for link in batch.span.links),
    }
    chat_span = _one(spans, "chat small")
    assert (chat_span.service, chat_span.span.kind) == ("weir-gateway", CLIENT)
    assert chat_span.span.parent_span_id == server.span.span_id
    assert chat_span.attributes["gen_ai.request.model"] == "small"
    assert heard == [f"00-{server.span.trace_id.hex()}-{chat_span.span.span_id.hex()}-01"]


def _one(spans: list[Seen], name: str) -> Seen:
    found = [seen for seen in spans if seen.name == name]
    assert len(found) == 1, sorted(seen.name for seen in spans)
    return found[0]


async def _upstream(heard: list[str]) -> tuple[web.AppRunner, str]:
    """The stand-in in this process, its callers' trace context written down."""

    async def listen(request: web.Request, _: web.StreamResponse) -> None:
        heard.append(request.headers.get("traceparent", ""))

    app = MockProvider(MockConfig()).app()
    app.on_response_prepare.append(listen)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"
