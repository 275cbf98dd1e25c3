"""No key of a provider or of a client in anything that can be reached: whatever goes wrong."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.gateway import Running, backend, running_gateway, table
from support.otlp import Collector, collecting
from support.upstream import (
    Behaviour,
    answering,
    completion,
    event,
    resetting,
    running_upstream,
    streaming,
)
from weir_runtime.logs import JsonFormatter, PlainFormatter

PROVIDERS = "sk-providers-own-7f3a9c"
CLIENTS = "sk-clients-own-b81d20"
ECHO = json.dumps({"error": {"message": f"Incorrect API key provided: {PROVIDERS}."}}).encode()
TEXT = f"Bearer {PROVIDERS} is not known here".encode()
HTML = ("Content-Type: text/html",)
FAULTS: dict[str, Behaviour] = {
    "an answer": answering(completion()),
    "a stream": streaming([event("a"), b"data: [DONE]\n\n"]),
    "a stream that breaks off": streaming([event("a")]),
    "a refusal that repeats the key": answering(ECHO, 401),
    "a failure that repeats the key": answering(ECHO, 500),
    "a text that repeats the key": answering(TEXT, 403, *HTML),
    "a failing text that repeats the key": answering(TEXT, 502, *HTML),
    "a redirect with the key": answering(b"", 302, f"Location: https://x.test/?key={PROVIDERS}"),
    "a limit": answering(b"{}", 429, "Retry-After: 1"),
    "a reset": resetting,
    "garbage": answering(b"\x00\xff"),
}


async def everything(running: Running, *, stream: bool) -> list[str]:
    """What a client can read of one answer, and what the admin port tells."""
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer {CLIENTS}", "x_api_key": CLIENTS, "Cookie": CLIENTS}
    async with await running.chat(json.dumps(body).encode(), **headers) as response:
        seen = [str(response.status), str(dict(response.headers))]
        seen.append((await response.read()).decode("utf-8", "replace"))
    return [*seen, await running.metrics()]


def logged(records: Sequence[logging.LogRecord]) -> list[str]:
    """Every record as both formatters and as Python itself would show it."""
    shown = [formatter.format(r) for r in records for formatter in FORMATTERS]
    return [*shown, *(repr(vars(record)) for record in records)]


FORMATTERS = (JsonFormatter(), PlainFormatter())


def traced(collector: Collector) -> list[str]:
    return [str(seen.span) for seen in collector.spans]


@pytest.mark.parametrize("fault", FAULTS, ids=[name.replace(" ", "-") for name in FAULTS])
@pytest.mark.parametrize("kind", ["whole", "stream"])
async def test_no_key_shows(
    fault: str,
    kind: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with collecting() as collector, running_upstream(FAULTS[fault]) as upstream:
        # The exporter itself reads the environment.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
        weak = backend("weak", upstream.url)
        weak.spec["auth"] = {"env": "PROVIDER_KEY"}
        variables = [
            ("PROVIDER_KEY", PROVIDERS),
            ("WEIR_LOG_DECISIONS", "1"),
            ("WEIR_TELEMETRY_CONTENT", "1"),
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]
        async with running_gateway(tmp_path, table(weak), variables) as running:
            seen = await everything(running, stream=kind == "stream")
        assert upstream.received[0].headers["authorization"] == f"Bearer {PROVIDERS}"
        assert CLIENTS not in str(upstream.received)
        spans = traced(collector)
    assert spans
    for text in [*seen, *logged(caplog.records), *spans]:
        assert PROVIDERS not in text
        assert CLIENTS not in text


async def test_a_key_that_no_header_can_hold_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_upstream(answering(completion())) as upstream:
        weak = backend("weak", upstream.url)
        weak.spec["auth"] = {"env": "PROVIDER_KEY"}
        variables = [("PROVIDER_KEY", f"{PROVIDERS}\r\nx-evil: 1")]
        async with running_gateway(tmp_path, table(weak), variables) as running:
            seen = await everything(running, stream=False)
        assert not any("x-evil" in received.headers for received in upstream.received)
    assert all(PROVIDERS not in text for text in [*seen, *logged(caplog.records)])
