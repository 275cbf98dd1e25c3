"""What a client may get wrong: a clear error in OpenAI's shape, and nothing reaches a provider."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from support.gateway import Running, backend, running_gateway, table
from support.upstream import Upstream, answering, completion, running_upstream

USER = '"messages":[{"role":"user","content":"hi"}]'
DEEP = b'{"model":"auto","x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + USER.encode() + b"}"

BAD = [
    pytest.param(b"not json", 400, "invalid_json", None, id="not JSON"),
    pytest.param(b"", 400, "invalid_json", None, id="empty"),
    pytest.param(b"[]", 400, "invalid_json", None, id="not an object"),
    pytest.param(b"\xff\xfe", 400, "invalid_json", None, id="not UTF-8"),
    pytest.param(DEEP, 400, "invalid_json", None, id="nested too deeply"),
    pytest.param(b'{"model":"auto"}', 400, "missing_field", "messages", id="no messages"),
    pytest.param(b"{%s}" % USER.encode(), 400, "missing_field", "model", id="no model"),
    pytest.param(
        b'{"model":"auto","messages":[]}', 400, "invalid_request", "messages", id="empty messages"
    ),
    pytest.param(
        b'{"model":"auto","messages":"hi"}', 400, "invalid_type", "messages", id="messages a string"
    ),
    pytest.param(
        b'{"model":"auto","messages":[{"role":"user","content":7}]}',
        400,
        "invalid_type",
        "messages[0].content",
        id="content a number",
    ),
    pytest.param(
        b'{"model":"auto","messages":[{"role":"user","content":[3]}]}',
        400,
        "invalid_type",
        "messages[0].content[0]",
        id="a part that is no object",
    ),
    pytest.param(
        b'{"model":7,%s}' % USER.encode(), 400, "invalid_type", "model", id="model a number"
    ),
    pytest.param(
        b'{"model":"auto","model":"auto",%s}' % USER.encode(),
        400,
        "duplicate_field",
        "model",
        id="model twice",
    ),
    pytest.param(
        b'{"model":"nobody",%s}' % USER.encode(),
        404,
        "model_not_found",
        "model",
        id="unknown model",
    ),
    pytest.param(
        b'{"model":"auto","messages":[{"role":"user","content":"\\ud800"}]}',
        400,
        "invalid_json",
        None,
        id="a lone surrogate",
    ),
]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with running_upstream(answering(completion())) as upstream:
        yield upstream


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncGenerator[Running]:
    bounds = [
        ("WEIR_MAX_BODY", "8MiB"),
        ("WEIR_HEAD_WITHIN", "300ms"),
        ("WEIR_BODY_WITHIN", "300ms"),
    ]
    async with running_gateway(tmp_path, table(backend("weak", upstream.url)), bounds) as gateway:
        yield gateway


@pytest.mark.parametrize(("body", "status", "code", "param"), BAD)
async def test_a_bad_body_is_refused_with_what_is_wrong(
    gateway: Running, upstream: Upstream, body: bytes, status: int, code: str, param: str | None
) -> None:
    async with await gateway.chat(body) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (status, code, param)
        assert error["type"] == "invalid_request_error"
        assert error["message"]
    assert not upstream.received


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
async def test_another_media_type_is_refused(gateway: Running, kind: str) -> None:
    async with await gateway.chat(b"{}", Content_Type=kind) as response:
        assert response.status == 415
        assert kind in (await response.json())["error"]["message"]


async def test_too_large_a_body_is_refused_by_its_length_and_while_it_arrives(
    gateway: Running,
) -> None:
    async with await gateway.chat(b" " * (9 << 20)) as response:
        assert response.status == 413

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(18):
            yield b" " * (1 << 19)

    async with gateway.session.post(
        f"{gateway.url}/v1/chat/completions",
        data=chunks(),
        headers={"Content-Type": "application/json"},
    ) as response:
        assert response.status == 413


async def test_large_and_strange_bodies_are_served(gateway: Running, upstream: Upstream) -> None:
    many = [{"role": "user", "content": f"turn {i}"} for i in range(10_000)]
    bodies = [
        json.dumps({"model": "auto", "messages": many}).encode(),
        b'{"model":"auto","messages":[{"role":"user","content":"%s"}]}' % (b"text " * (1 << 20)),
        b'{"model":"auto","messages":[{"role":"user","content":"a\\u0000b"}]}',
        b'{"model":"auto","messages":[{"role":"user","content":""}]}',
        b'{"model":"auto","messages":[{"role":"assistant","content":null}]}',
    ]
    for body in bodies:
        async with await gateway.chat(body) as response:
            assert response.status == 200, await response.text()
    sent = [received.body.replace(b'"weak-model"', b'"auto"') for received in upstream.received]
    assert sent == bodies


async def test_unknown_paths_and_methods_say_what_is_served(gateway: Running) -> None:
    async with gateway.session.get(f"{gateway.url}/v1/nothing") as response:
        assert response.status == 404
        assert "/v1/chat/completions" in (await response.json())["error"]["message"]
    async with gateway.session.get(f"{gateway.url}/v1/chat/completions") as response:
        assert response.status == 405


async def test_a_connection_that_says_nothing_is_hung_up(gateway: Running) -> None:
    bound = gateway.gateway.bound
    assert bound is not None
    reader, writer = await asyncio.open_connection(bound.host, bound.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    async with asyncio.timeout(20):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()


async def test_a_body_that_never_ends_is_given_up(gateway: Running) -> None:
    bound = gateway.gateway.bound
    assert bound is not None
    reader, writer = await asyncio.open_connection(bound.host, bound.port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"model":'
    )
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"}}")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"body_timeout" in answer
    writer.close()


async def test_too_many_headers_are_refused(gateway: Running, upstream: Upstream) -> None:
    headers = {f"x-{number}": "v" for number in range(500)}
    async with await gateway.chat(b"{}", **headers) as response:
        assert response.status == 400
    assert not upstream.received
