"""Header fields of clients and of providers: which go on, and which do not."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from support.gateway import Running, backend, running_gateway, table
from support.upstream import answering, completion, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
MESSAGE = b'{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
READ_BY_CLIENTS = {
    "retry-after-ms": "250",
    "x-should-retry": "true",
    "x-ratelimit-remaining-requests": "3",
    "anthropic-ratelimit-unified-status": "allowed",
    "anthropic-fast-output-tokens-remaining": "9",
    "x-codex-primary-used-percent": "41",
    "request-id": "r1",
}
OPERATORS = {
    "openai-organization": "org-of-the-operator",
    "anthropic-organization-id": "org-of-the-operator",
    "set-cookie": "a=b",
    "server": "nginx",
}


def lines(fields: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in fields.items()]


@pytest.mark.parametrize("status", [200, 400, 429, 503])
async def test_what_clients_read_is_passed_on_with_answers_and_errors(
    tmp_path: Path, status: int
) -> None:
    body = completion() if status == 200 else b'{"error":{"message":"no"}}'
    provider = answering(body, status, *lines(READ_BY_CLIENTS), *lines(OPERATORS))
    served = backend("weak", "")
    served.spec["retries"] = {"attempts": 1}
    async with running_upstream(provider) as upstream:
        served.spec["endpoint"] = f"{upstream.url}/v1"
        async with (
            running_gateway(tmp_path, table(served)) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.status == status
            passed = {name: response.headers.get(name) for name in READ_BY_CLIENTS}
            assert passed == READ_BY_CLIENTS
            assert not set(OPERATORS.values()) & set(response.headers.values())


async def test_milliseconds_alone_are_a_retry_after_too(tmp_path: Path) -> None:
    provider = answering(b'{"error":{"message":"no"}}', 429, "retry-after-ms: 1200")
    async with (
        running_upstream(provider) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert (response.status, response.headers["Retry-After"]) == (429, "2")


@pytest.mark.parametrize(("header", "calls"), [("x-should-retry: false", 1), ("server: x", 2)])
async def test_a_provider_may_forbid_retries(tmp_path: Path, header: str, calls: int) -> None:
    provider = answering(b'{"error":{"message":"no"}}', 503, header)
    async with (
        running_upstream(provider) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert response.status == 503
        assert len(upstream.received) == calls


async def _raw(gateway: Running, head: bytes) -> None:
    bound = gateway.gateway.bound
    assert bound is not None
    reader, writer = await asyncio.open_connection(bound.host, bound.port)
    start = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(start + head + b"Content-Length: %d\r\n\r\n" % len(MESSAGE) + MESSAGE)
    async with asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_two_lines_of_betas_go_on_as_one_list(tmp_path: Path) -> None:
    served = backend("weak", "")
    served.spec["protocol"] = "anthropic"
    async with running_upstream(answering(b"{}")) as upstream:
        served.spec["endpoint"] = upstream.url
        async with running_gateway(tmp_path, table(served)) as gateway:
            await _raw(gateway, b"anthropic-beta: a-1, b-2\r\nAnthropic-Beta: c-3\r\n")
    assert upstream.received[0].headers["anthropic-beta"] == "a-1, b-2, c-3"


@pytest.mark.parametrize("passthrough", [True, False])
async def test_the_account_goes_with_the_clients_own_key_alone(
    tmp_path: Path, *, passthrough: bool
) -> None:
    sent = {
        "Authorization": "Bearer k",
        "OpenAI-Organization": "org",
        "OpenAI-Project": "proj",
        "X-Stainless-Retry-Count": "1",
    }
    async with running_upstream(answering(completion())) as upstream:
        served = backend("weak", upstream.url)
        if passthrough:
            served.spec["auth"] = {"passthrough": True}
        async with (
            running_gateway(tmp_path, table(served)) as gateway,
            aiohttp.ClientSession() as session,
            session.post(
                f"{gateway.url}/v1/chat/completions",
                data=BODY,
                headers={**sent, "Content-Type": "application/json"},
            ) as response,
        ):
            assert response.status == 200
    received = upstream.received[0].headers
    account = {"authorization", "openai-organization", "openai-project"}
    assert {name for name in account if name in received} == (account if passthrough else set())
    assert "x-stainless-retry-count" not in received
