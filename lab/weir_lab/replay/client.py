"""Sends prompts to a gateway over HTTP and records which backend served each, and why."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

_DEADLINE = 60.0  # seconds a request; a mock provider answers in milliseconds
_TRIES = 2  # a connection may have been closed while idle


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway, and what each request asks of it."""

    url: str
    key: str | None = None
    model: str = "auto"
    max_tokens: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """How one prompt was routed; `backend` is empty where the gateway did not serve it."""

    backend: str
    reason: str
    status: int  # 0: no answer at all


async def replay(
    target: Target,
    prompts: Sequence[str],
    *,
    concurrency: int = 32,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Choice, ...]:
    """Send every prompt once, `concurrency` at a time; choices are in the order of the prompts."""
    choices: list[Choice | None] = [None] * len(prompts)
    indices = iter(range(len(prompts)))
    headers = {"authorization": f"Bearer {target.key}"} if target.key else {}
    connector = aiohttp.TCPConnector(limit=concurrency)
    timeout = aiohttp.ClientTimeout(total=_DEADLINE)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):

        async def work(left: Iterator[int]) -> None:
            for index in left:
                choices[index] = await _send(session, target, prompts[index])
                advance(1)

        for number in range(min(concurrency, len(prompts))):
            group.create_task(work(indices), name=f"replay {number}")
    return tuple(choice for choice in choices if choice is not None)


async def _send(session: aiohttp.ClientSession, target: Target, prompt: str) -> Choice:
    url = f"{target.url}/v1/chat/completions"
    body = {
        "model": target.model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": target.max_tokens,
    }
    choice = Choice("", "unreachable", 0)
    for _ in range(_TRIES):
        try:
            async with session.post(url, json=body) as answer:
                await answer.read()
                served = answer.headers.get("x-weir-model", "") if answer.ok else ""
                return Choice(served, answer.headers.get("x-weir-reason", ""), answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            choice = Choice("", type(error).__name__, 0)
    return choice
