"""Every wire in and out over real sockets: untouched where it is the same, else translated."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support import provider_answers
from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.upstream import (
    Behaviour,
    Exchange,
    Upstream,
    answering,
    running_upstream,
    streaming,
)

CHAT = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}] , "n":1}'
MESSAGES = b'{"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "model" : "auto"}'
EVENT_STREAM = "text/event-stream"
JSON_BODY = {"Content-Type": "application/json"}
PATHS = {
    "chat": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", b'{"model": "auto", "input": "hi",  "x": 1}'),
    "completions": ("/v1/completions", b'{"prompt":"hi", "model": "auto"}'),
    "embeddings": ("/v1/embeddings", b'{"input": ["hi", "you"], "model": "auto"}'),
    "messages": ("/v1/messages", MESSAGES),
    "count_tokens": ("/v1/messages/count_tokens", MESSAGES),
}
ANSWER = b'{"odd" :  1.50, "usage":{"prompt_tokens":7,"completion_tokens":3}}'


async def ask(
    gateway: Running, wire: str, body: bytes | None = None, **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    path, usual = PATHS[wire]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.session.post(
        gateway.url + path,
        data=usual if body is None else body,
        headers={"Content-Type": "application/json", **named},
    ) as response:
        return response.status, response.headers, await response.read()


def speaking(url: str, *spoken: str, anthropic: bool = False, name: str = "one") -> Draft:
    """A backend that speaks these wires; its endpoint as the provider's own SDK takes it."""
    made = backend(name, url.removesuffix("/v1") if anthropic else url)
    made.spec["protocol"] = "anthropic" if anthropic else "openai"
    made.spec["wires"] = list(spoken)
    return made


@contextlib.asynccontextmanager
async def serving(
    folder: Path, behaviour: Behaviour, make: Callable[[str], Draft]
) -> AsyncGenerator[tuple[Running, Upstream]]:
    """A gateway over one backend."""
    async with (
        running_upstream(behaviour) as upstream,
        running_gateway(folder, table(make(upstream.url))) as gateway,
    ):
        yield gateway, upstream


@pytest.mark.parametrize("wire", PATHS)
async def test_the_same_wire_passes_untouched(wire: str, tmp_path: Path) -> None:
    spoken = "messages" if wire == "count_tokens" else wire
    anthropic = spoken == "messages"

    def make(url: str) -> Draft:
        return speaking(url, spoken, anthropic=anthropic)

    async with serving(tmp_path, answering(ANSWER), make) as (gateway, upstream):
        status, headers, body = await ask(gateway, wire, x_api_key="client-secret")
    assert (status, body) == (200, ANSWER)
    (received,) = upstream.received
    path, sent = PATHS[wire]
    assert received.path == path
    assert received.body == sent.replace(b'"auto"', b'"one-model"')
    assert "client-secret" not in str(received.headers)
    assert headers["x-weir-model"] == "one"
    assert "x-weir-dropped" not in headers


async def test_a_key_goes_as_each_wire_has_it(tmp_path: Path) -> None:
    def anthropic(url: str) -> Draft:
        made = speaking(url, anthropic=True)
        made.spec["auth"] = {"env": "KEY"}
        made.spec["headers"] = [{"name": "anthropic-beta", "value": "fast-2026"}]
        return made

    def azure(url: str) -> Draft:
        made = speaking(url)
        made.spec["auth"] = {"env": "KEY", "header": "api-key"}
        made.spec["query"] = [{"name": "api-version", "value": "2024-10-21"}]
        return made

    key = (("KEY", "sesame-sesame"),)
    async with (
        running_upstream(answering(provider_answers.body(provider_answers.MESSAGE))) as upstream,
        running_gateway(tmp_path, table(anthropic(upstream.url)), key) as gateway,
    ):
        assert (await ask(gateway, "messages", anthropic_version="2099-01-01"))[0] == 200
        assert (await ask(gateway, "chat"))[0] == 200
    untouched, translated = (received.headers for received in upstream.received)
    assert untouched["x-api-key"] == translated["x-api-key"] == "sesame-sesame"
    assert (untouched["anthropic-version"], translated["anthropic-version"]) == (
        "2099-01-01",
        "2023-06-01",
    )
    assert untouched["anthropic-beta"] == "fast-2026"
    assert "authorization" not in untouched
    async with (
        running_upstream(answering(provider_answers.body(provider_answers.CHAT))) as upstream,
        running_gateway(tmp_path, table(azure(upstream.url)), key) as gateway,
    ):
        assert (await ask(gateway, "chat"))[0] == 200
    (received,) = upstream.received
    assert received.headers["api-key"] == "sesame-sesame"
    assert "authorization" not in received.headers
    assert received.path == "/v1/chat/completions?api-version=2024-10-21"


def anthropic_only(url: str) -> Draft:
    return speaking(url, anthropic=True)


def chat_only(url: str) -> Draft:
    return speaking(url, "chat")


async def test_a_whole_answer_is_translated_and_priced(tmp_path: Path) -> None:
    behaviour = answering(
        gzip.compress(provider_answers.body(provider_answers.MESSAGE)),
        200,
        "Content-Encoding: gzip",
    )
    asked = json.dumps({**json.loads(CHAT), "user": "u"}).encode()
    async with serving(tmp_path, behaviour, anthropic_only) as (gateway, upstream):
        status, headers, body = await ask(gateway, "chat", asked)
        metrics = await gateway.metrics()
    assert status == 200, body
    told = json.loads(body)
    assert told["choices"][0]["message"]["content"] == "fine"
    assert told["usage"]["prompt_tokens"] == 7
    assert json.loads(upstream.received[0].body)["model"] == "one-model"
    # 4 plain, 2 cached at half the price, 1 written, 3 answered; 1 micro-USD a token.
    assert float(headers["x-weir-cost-usd"]) == pytest.approx(9e-6)
    assert 'gen_ai_provider_name="anthropic"' in metrics


async def test_a_stream_is_translated_event_by_event(tmp_path: Path) -> None:
    asked = json.dumps(
        {**json.loads(CHAT), "stream": True, "stream_options": {"include_usage": True}}
    ).encode()
    pieces = b"".join(provider_answers.messages_stream("a", "b" * (1 << 20), "c")).replace(
        b"\n", b"\r\n"
    )
    cuts = [pieces[:50], pieces[50:333], pieces[333:700_001], pieces[700_001:]]
    async with serving(tmp_path, streaming(cuts), anthropic_only) as (gateway, _):
        status, headers, body = await ask(gateway, "chat", asked)
    assert status == 200
    assert headers["content-type"].startswith(EVENT_STREAM)
    *chunks, done = (data for _, data in provider_answers.events(body))
    assert done == "[DONE]"
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == "a" + "b" * (1 << 20) + "c"
    assert chunks[-1]["usage"]["completion_tokens"] == 5


async def test_a_chat_stream_becomes_messages(tmp_path: Path) -> None:
    asked = json.dumps({**json.loads(MESSAGES), "stream": True}).encode()
    async with serving(tmp_path, streaming(provider_answers.chat_stream("a", "b")), chat_only) as (
        gateway,
        _,
    ):
        status, _, body = await ask(gateway, "messages", asked)
    assert status == 200
    told = provider_answers.events(body)
    assert told[0][0] == "message_start"
    assert told[-1][0] == "message_stop"
    assert all(name == data["type"] for name, data in told)


BEGUN = provider_answers.messages_stream("a")[:3]
BROKEN = {
    "cut": [],
    "garbage": [b"event: content_block_delta\ndata: {{{\n\n"],
    "error": [
        provider_answers.event(
            {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}, "error"
        ),
    ],
}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_translated_stream_that_breaks_never_looks_complete(
    how: str, tmp_path: Path
) -> None:
    asked = json.dumps({**json.loads(CHAT), "stream": True}).encode()
    read = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"".join(BEGUN))
        await read.wait()
        for piece in BROKEN[how]:
            await exchange.chunk(piece)
        await exchange.end()

    async with (
        serving(tmp_path, behave, anthropic_only) as (gateway, _),
        await gateway.chat(asked) as response,
    ):
        first = await response.content.readany()
        read.set()
        told = [data for _, data in provider_answers.events(first + await response.read())]
    assert response.status == 200
    assert told[-1]["error"]["code"] == "upstream_error"
    assert "[DONE]" not in told
    assert not any(c["finish_reason"] for t in told[:-1] for c in t["choices"])


async def test_what_breaks_before_the_first_byte_is_an_error_answer(tmp_path: Path) -> None:
    asked = json.dumps({**json.loads(CHAT), "stream": True}).encode()
    for pieces in ([b"data: {{{\n\n"], BROKEN["error"], [b": ping\n\n"]):
        async with serving(tmp_path, streaming(pieces), anthropic_only) as (gateway, _):
            status, _, body = await ask(gateway, "chat", asked)
        assert status == (503 if pieces == BROKEN["error"] else 502)  # which says: overloaded
        assert json.loads(body)["error"]["code"] == "upstream_error"


async def test_a_passing_stream_that_breaks_ends_in_its_wire_s_own_error_event(
    tmp_path: Path,
) -> None:
    asked = json.dumps({**json.loads(MESSAGES), "stream": True}).encode()
    behaviour = streaming(provider_answers.messages_stream("a")[:3])
    async with serving(tmp_path, behaviour, anthropic_only) as (gateway, _):
        _, _, body = await ask(gateway, "messages", asked)
    name, data = provider_answers.events(body)[-1]
    assert (name, data["type"], data["error"]["type"]) == ("error", "error", "api_error")
    begun: dict[str, Any] = {"type": "response.created", "sequence_number": 6, "response": {}}
    behaviour = streaming([provider_answers.event(begun, "response.created")])
    asked = b'{"model":"auto","input":"hi","stream":true}'
    async with serving(tmp_path, behaviour, lambda url: speaking(url, "responses")) as (gateway, _):
        _, _, body = await ask(gateway, "responses", asked)
    name, data = provider_answers.events(body)[-1]
    assert (name, data["type"], data["sequence_number"]) == ("error", "error", 7)
    assert data["code"] == data["error"]["code"] == "upstream_error"


ERRORS: dict[str, tuple[Callable[[str], Draft], dict[str, Any], str]] = {
    "chat": (
        anthropic_only,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "too odd"}},
        "messages",
    ),
    "messages": (chat_only, {"error": {"message": "too odd", "param": "n"}}, "chat"),
}


@pytest.mark.parametrize("wire", ERRORS)
async def test_a_provider_s_error_takes_the_client_s_shape(wire: str, tmp_path: Path) -> None:
    make, said, own = ERRORS[wire]
    async with serving(tmp_path, answering(provider_answers.body(said), 400), make) as (gateway, _):
        status, _, body = await ask(gateway, wire)
        untouched = await ask(gateway, own)
    told = json.loads(body)
    assert status == 400
    assert "too odd" in told["error"]["message"]
    assert told["error"]["type"] == "invalid_request_error"
    assert (told.get("type") == "error") == (wire == "messages")
    assert (untouched[0], untouched[2]) == (400, provider_answers.body(said))


async def test_mistakes_are_told_in_the_client_s_shape(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), chat_only) as (gateway, upstream):
        status, _, body = await ask(gateway, "messages", b'{"model":"auto"}')
        told = json.loads(body)
        assert (status, told["type"], told["error"]["param"]) == (400, "error", "messages")
        status, _, body = await ask(gateway, "messages", MESSAGES.replace(b"auto", b"nobody"))
        assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
        status, _, body = await ask(gateway, "embeddings", b'{"model":"auto","input":{}}')
        assert (status, json.loads(body)["error"]["param"]) == (400, "input")
        status, _, body = await ask(gateway, "embeddings")
        assert (status, json.loads(body)["error"]["code"]) == (400, "capability_missing")
        assert b"embeddings" in body
        for name in ("previous_response_id", "conversation"):
            asked = json.dumps({"model": "auto", "input": "hi", name: "x"}).encode()
            status, _, body = await ask(gateway, "responses", asked)
            assert status == 400
            assert b"state" in body or b"responses" in body
        async with gateway.session.get(
            gateway.url + "/v1/nothing", headers={"anthropic-version": "2023-06-01"}
        ) as response:
            assert (await response.json())["error"]["type"] == "not_found_error"
    assert not upstream.received


async def test_a_candidate_that_does_not_speak_the_wire_is_filtered_out(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        chat = speaking(upstream.url, "chat", name="chatty")
        embedding = speaking(upstream.url, "embeddings", name="vectors")
        async with running_gateway(tmp_path, table(chat, embedding)) as gateway:
            status, headers, _ = await ask(gateway, "embeddings")
            direct = await ask(gateway, "embeddings", b'{"model":"chatty","input":"hi"}')
    assert (status, headers["x-weir-model"], headers["x-weir-reason"]) == (
        200,
        "vectors",
        "filtered",
    )
    assert (direct[0], json.loads(direct[2])["error"]["code"]) == (400, "capability_missing")


async def test_what_one_can_t_carry_another_candidate_answers(tmp_path: Path) -> None:
    asked = json.dumps({**json.loads(CHAT), "n": 2}).encode()
    async with running_upstream(
        answering(provider_answers.body(provider_answers.CHAT))
    ) as upstream:
        weak = speaking(upstream.url, anthropic=True, name="weak")
        strong = speaking(upstream.url, name="strong")
        async with running_gateway(tmp_path, table(weak, strong)) as gateway:
            status, headers, _ = await ask(gateway, "chat", asked)
        assert (status, headers["x-weir-reason"]) == (200, "fallback:not_carried")
        async with running_gateway(tmp_path, table(weak)) as gateway:
            status, headers, body = await ask(gateway, "chat", asked)
    assert (status, json.loads(body)["error"]["param"]) == (400, "n")
    assert json.loads(body)["error"]["code"] == "not_carried"
    assert headers["x-weir-model"] == "weak"
    assert len(upstream.received) == 1


async def test_dropped_fields_are_named(tmp_path: Path) -> None:
    asked = json.dumps({**json.loads(CHAT), "seed": 1, "metadata": {"a": "b"}}).encode()
    behaviour = answering(provider_answers.body(provider_answers.MESSAGE))
    async with serving(tmp_path, behaviour, anthropic_only) as (gateway, _):
        status, headers, body = await ask(gateway, "chat", asked)
    assert status == 200, body
    assert "seed" in headers["x-weir-dropped"]


async def test_tokens_are_estimated_where_the_provider_can_t_count(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), chat_only) as (gateway, upstream):
        status, headers, body = await ask(
            gateway, "count_tokens", MESSAGES.replace(b'"hi"', b'"%s"' % (b"x" * 300))
        )
    assert (status, json.loads(body)) == (200, {"input_tokens": 100})
    assert headers["x-weir-estimated"] == "input_tokens"
    assert not upstream.received


async def test_models_have_the_shape_of_who_asks(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), chat_only) as (gateway, _):
        headers = {"anthropic-version": "2023-06-01"}
        async with gateway.session.get(gateway.url + "/v1/models", headers=headers) as response:
            page = await response.json()
        async with gateway.session.get(gateway.url + "/v1/models/auto", headers=headers) as one:
            assert (await one.json())["type"] == "model"
    assert page["data"][0] == {
        "type": "model",
        "id": "auto",
        "display_name": "auto",
        "created_at": "1970-01-01T00:00:00Z",
    }
    assert (page["first_id"], page["has_more"]) == ("auto", False)


def old(body: bytes) -> Behaviour:
    """HTTP/1.0: the answer ends where the connection does."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        exchange.close()

    return behave


async def test_http_1_0_ends_with_the_connection_and_a_cut_answer_is_none(tmp_path: Path) -> None:
    for make, wire in ((chat_only, "chat"), (anthropic_only, "chat"), (chat_only, "messages")):
        whole = provider_answers.body(
            provider_answers.MESSAGE if make is anthropic_only else provider_answers.CHAT
        )
        async with serving(tmp_path, old(whole), make) as (gateway, _):
            assert (await ask(gateway, wire))[0] == 200
        async with serving(tmp_path, old(whole[:-20]), make) as (gateway, _):
            assert (await ask(gateway, wire))[0] == 502


async def test_large_bodies_are_translated_beside_the_loop(tmp_path: Path) -> None:
    text = "long " * 100_000
    asked = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
    said = {**provider_answers.MESSAGE, "content": [{"type": "text", "text": text}]}
    behaviour = answering(provider_answers.body(said))
    async with serving(tmp_path, behaviour, anthropic_only) as (gateway, upstream):
        answers = await asyncio.gather(*(ask(gateway, "chat", asked) for _ in range(3)))
    for status, _, body in answers:
        assert status == 200
        assert json.loads(body)["choices"][0]["message"]["content"] == text
    assert len(upstream.received) == 3


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ("chat", b'data: {"error":{"message":"gone","code":"x"}}'),
        ("responses", b'event: error\ndata: {"type":"error","message":"gone"}'),
        ("responses", b'data: {"type":"response.failed","response":{"error":{"message":"gone"}}}'),
        ("messages", b'event: error\ndata: {"type":"error","error":{"type":"x","message":"gone"}}'),
    ],
)
@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"], ids=["lf", "crlf"])
async def test_a_provider_s_own_error_event_is_not_followed_by_another(
    wire: str, said: bytes, ending: bytes, tmp_path: Path
) -> None:
    sent = b'data: {"type":"begun"}' + ending
    sent += said.replace(b"\n", ending[: len(ending) // 2]) + ending
    async with running_upstream(streaming([sent])) as upstream:
        one = speaking(upstream.url, wire, anthropic=wire == "messages")
        async with running_gateway(tmp_path, table(one)) as gateway:
            body = PATHS[wire][1].replace(b"{", b'{"stream": true, ', 1)
            status, _, got = await ask(gateway, wire, body)
    assert (status, got) == (200, sent)


async def test_an_anthropic_client_s_own_key_goes_only_where_that_is_said(tmp_path: Path) -> None:
    def passing(url: str) -> Draft:
        made = speaking(url, anthropic=True)
        made.spec["auth"] = {"passthrough": True}
        return made

    async with running_upstream(
        answering(provider_answers.body(provider_answers.MESSAGE))
    ) as upstream:
        for made in (passing(upstream.url), anthropic_only(upstream.url)):
            async with running_gateway(tmp_path, table(made)) as gateway:
                assert (await ask(gateway, "messages", x_api_key="sk-theirs"))[0] == 200
    sent = [received.headers.get("x-api-key") for received in upstream.received]
    assert sent == ["sk-theirs", None]


async def test_thinking_that_no_anthropic_model_wrote_does_not_reach_one(tmp_path: Path) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "weir:reasoning:"}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "yes"}]},
        {"role": "user", "content": "and?"},
    ]
    body = json.dumps({"max_tokens": 9, "messages": turns, "model": "auto"}).encode()
    async with (
        running_upstream(answering(provider_answers.body(provider_answers.MESSAGE))) as upstream,
        running_gateway(tmp_path, table(anthropic_only(upstream.url))) as gateway,
    ):
        assert (await ask(gateway, "messages", body))[0] == 200
    (received,) = upstream.received
    assert json.loads(received.body)["messages"][1]["content"] == [{"type": "text", "text": "yes"}]


async def test_what_asks_for_no_answer_is_counted_nowhere(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(b'{"input_tokens": 12}')) as upstream,
        running_gateway(tmp_path, table(anthropic_only(upstream.url))) as gateway,
    ):
        assert (await ask(gateway, "count_tokens"))[0] == 200
        url = f"{gateway.url}/v1/route"
        async with gateway.session.post(url, data=CHAT, headers=JSON_BODY) as response:
            assert response.status == 200
        metrics = await gateway.metrics()
    assert upstream.received[0].path == "/v1/messages/count_tokens"
    assert "weir_decisions_total{" not in metrics
    assert "gen_ai_client_operation_duration_seconds_count{" not in metrics


@pytest.mark.parametrize(
    ("wire", "operation"),
    [("chat", "chat"), ("completions", "text_completion"), ("embeddings", "embeddings")],
)
async def test_metrics_say_which_operation_it_was(
    wire: str, operation: str, tmp_path: Path
) -> None:
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_gateway(tmp_path, table(speaking(upstream.url, wire))) as gateway,
    ):
        assert (await ask(gateway, wire))[0] == 200
        metrics = await gateway.metrics()
    assert f'gen_ai_operation_name="{operation}"' in metrics
