"""External processing over gRPC without an Envoy: other proxies, and streams that make no sense."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from grpc import aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.envoy_world import EASY, HARD, chat, score, sums
from support.gateway import Running, backend, running_gateway, running_scorer, table
from support.polling import eventually
from support.scorer_server import ScriptedScorer
from support.upstream import END, USAGE_EVENT, event
from weir_proto.envoy.v3 import external_processor_pb2 as pb

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
MODE = pb.ProcessingMode
WITHIN = 10.0  # seconds


def head(**fields: str) -> pb.HttpHeaders:
    """A POST of a chat completion."""
    all_ = {
        ":method": "POST",
        ":path": "/v1/chat/completions",
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    values = [pb.HeaderValue(key=name, value=value) for name, value in all_.items()]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=values))


def body(data: bytes, *, end: bool = True) -> pb.ProcessingRequest:
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=data, end_of_stream=end))


def answer(data: bytes, *, end: bool = True) -> pb.ProcessingRequest:
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=data, end_of_stream=end))


BEGIN = pb.ProcessingRequest(request_headers=head())  # tells no mode: full-duplex
TRAILERS = pb.ProcessingRequest(request_trailers=pb.HttpTrailers())
RESPONSE = pb.ProcessingRequest(
    response_headers=pb.HttpHeaders(
        headers=pb.HeaderMap(
            headers=[
                pb.HeaderValue(key=":status", raw_value=b"200"),
                pb.HeaderValue(key="content-type", value="text/event-stream"),
            ]
        )
    )
)
RESPONSE_TRAILERS = pb.ProcessingRequest(response_trailers=pb.HttpTrailers())


@dataclass
class Served:
    """A gateway and a channel to it."""

    weir: Running
    channel: aio.Channel
    ledger: Path

    async def stream(self, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
        """All answers to one stream."""
        process = self.channel.stream_stream(
            METHOD,
            request_serializer=pb.ProcessingRequest.SerializeToString,
            response_deserializer=pb.ProcessingResponse.FromString,
        )
        async with asyncio.timeout(WITHIN):
            return [response async for response in process(iter(messages))]

    async def accounted(self) -> None:
        """Return once every decision is."""
        await eventually(self._none_open)

    async def _none_open(self) -> bool:
        return "weir_extproc_open 0" in await self.weir.metrics()


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[Served]:
    """Run Weir until the block is left."""
    ledger = folder / "ledger.db"
    scorer = ScriptedScorer(score=score)
    nowhere = "http://127.0.0.1:1/v1"
    async with running_scorer(folder, scorer) as scoring:
        variables = [
            ("WEIR_EXTPROC", "127.0.0.1:0"),
            ("WEIR_SCORER", scoring.target),
            ("WEIR_LEDGER", str(ledger)),
            ("WEIR_EXTPROC_CLAIM", "10ms"),
        ]
        made = table(backend("weak", nowhere), backend("strong", nowhere))
        async with (
            running_gateway(folder, made, variables) as weir,
            aio.insecure_channel(str(weir.gateway.bound_extproc)) as channel,
        ):
            yield Served(weir, channel, ledger)


def kinds(responses: Sequence[pb.ProcessingResponse]) -> list[str | None]:
    return [response.WhichOneof("response") for response in responses]


def returned(responses: Sequence[pb.ProcessingResponse]) -> bytes:
    """The body that goes to the provider."""
    pieces = [r.request_body for r in responses if r.HasField("request_body")]
    return b"".join(p.response.body_mutation.streamed_response.body for p in pieces)


async def test_trailers_end_a_body_and_an_answer(tmp_path: Path) -> None:
    sent = chat(HARD, stream=True)
    events = [event("a"), USAGE_EVENT, END]
    async with served(tmp_path) as here:
        responses = await here.stream(
            *(BEGIN, body(sent[:9], end=False), body(sent[9:], end=False), TRAILERS, RESPONSE),
            *(answer(piece, end=False) for piece in events),
            RESPONSE_TRAILERS,
        )
        await here.accounted()
    assert kinds(responses) == [
        *("request_headers", "request_body", "request_trailers", "response_headers"),
        *["response_body"] * 3,
        "response_trailers",
    ]
    assert returned(responses) == sent.replace(b'"auto"', b'"strong-model"')
    streamed = [r.response_body.response.body_mutation.streamed_response for r in responses[4:7]]
    assert [s.body for s in streamed] == events
    total = sums(here.ledger)
    assert (total.requests, total.input_tokens, total.uncounted) == (1, 11, 0)


async def test_a_request_without_a_body_passes(tmp_path: Path) -> None:
    get = head()
    get.end_of_stream = True
    async with served(tmp_path) as here:
        responses = await here.stream(pb.ProcessingRequest(request_headers=get), RESPONSE)
    assert kinds(responses) == ["request_headers", "response_headers"]
    assert not responses[0].request_headers.response.clear_route_cache


async def test_a_refusal_is_one_immediate_response(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        twice = chat(EASY).replace(b'"model": "auto"', b'"model": "auto", "model": "weak"')
        (refused,) = await here.stream(BEGIN, body(twice))
        assert refused.immediate_response.status.code == 400
        assert json.loads(refused.immediate_response.body)["error"]["code"] == "duplicate_field"


async def test_an_unknown_claim_is_ignored(tmp_path: Path) -> None:
    watching = pb.ProcessingRequest(
        request_headers=head(x_weir_decision="0" * 32), observability_mode=True
    )
    async with served(tmp_path) as here:
        assert await here.stream(watching, RESPONSE, answer(b"{}")) == []


async def test_a_decision_is_claimed_once(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        begin = pb.ProcessingRequest(
            request_headers=head(),
            protocol_config=pb.ProtocolConfiguration(request_body_mode=MODE.BUFFERED),
        )
        _, decided = await here.stream(begin, body(chat(EASY)))
        set_ = decided.request_body.response.header_mutation.set_headers
        values = {h.header.key: h.header.raw_value.decode() for h in set_}
        watching = pb.ProcessingRequest(
            request_headers=head(x_weir_decision=values["x-weir-decision"]),
            observability_mode=True,
        )
        for _ in range(2):
            await here.stream(watching, RESPONSE, answer(USAGE_EVENT + END))
        await here.accounted()
    assert sums(here.ledger).requests == 1


MESSAGES = st.sampled_from(
    [
        *(BEGIN, TRAILERS, RESPONSE, RESPONSE_TRAILERS, pb.ProcessingRequest()),
        *(body(chat(EASY)), body(b"{", end=False), body(b"", end=False), answer(b"x")),
        pb.ProcessingRequest(request_headers=pb.HttpHeaders()),
        pb.ProcessingRequest(
            request_headers=head(content_length="9" * 5000),
            protocol_config=pb.ProtocolConfiguration(request_body_mode=MODE.STREAMED),
        ),
    ]
)


async def test_no_order_of_messages_breaks_a_stream(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        loop = asyncio.get_running_loop()

        @settings(
            max_examples=150,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(st.lists(MESSAGES, max_size=8))
        def run(messages: list[pb.ProcessingRequest]) -> None:
            asyncio.run_coroutine_threadsafe(here.stream(*messages), loop).result(WITHIN)

        await asyncio.to_thread(run)
        await here.accounted()


async def test_200_streams_that_are_cut_leave_nothing_open(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        process = here.channel.stream_stream(
            METHOD,
            request_serializer=pb.ProcessingRequest.SerializeToString,
            response_deserializer=pb.ProcessingResponse.FromString,
        )
        calls = [process() for _ in range(200)]
        for call in calls:
            await call.write(BEGIN)
            await call.write(body(chat(EASY)[:20], end=False))
        for call in calls:
            call.cancel()
        await here.accounted()
        await eventually(lambda: idle(here))


async def idle(here: Served) -> bool:
    return "weir_extproc_streams 0" in await here.weir.metrics()


@pytest.mark.parametrize("size", [0, 1])
async def test_a_body_at_its_bound_is_taken(tmp_path: Path, size: int) -> None:
    text = chat("x" * 1000)
    bound = len(text) - size
    nowhere = "http://127.0.0.1:1/v1"
    made = table(backend("weak", nowhere), backend("strong", nowhere))
    variables = [("WEIR_EXTPROC", "127.0.0.1:0"), ("WEIR_MAX_BODY", str(bound))]
    async with (
        running_gateway(tmp_path, made, variables) as weir,
        aio.insecure_channel(str(weir.gateway.bound_extproc)) as channel,
    ):
        *_, last = await Served(weir, channel, tmp_path).stream(BEGIN, body(text))
    assert last.HasField("immediate_response") == (size == 1)
