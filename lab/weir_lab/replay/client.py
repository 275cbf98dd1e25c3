"""Sends prompts to a gateway over HTTP and keeps which backend each was given to, and why.

Must not know what was recorded.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

_DEADLINE = 60.0  # seconds a request; a stand-in answers in milliseconds
_TRIES = 2  # a connection that was closed while idle is no answer


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one prompt; `backend` is empty where the gateway did not serve it."""

    backend: str
    reason: str
    status: int  # 0: no answer at all


async def replay(
    url: str,
    prompts: Sequence[str],
    *,
    model: str = "auto",
    concurrency: int = 32,
    key: str | None = None,
    max_tokens: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Choice, ...]:
    """Send every prompt once, so many at a time; choices come in the order of the prompts."""
    choices: list[Choice | None] = [None] * len(prompts)
    places = iter(range(len(prompts)))
    headers = {"authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=concurrency)
    timeout = aiohttp.ClientTimeout(total=_DEADLINE)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):

        async def work(left: Iterator[int]) -> None:
            for place in left:
                choices[place] = await _send(session, url, prompts[place], model, max_tokens)
                advance(1)

        for number in range(min(concurrency, len(prompts))):
            group.create_task(work(places), name=f"replay {number}")
    return tuple(choice for choice in choices if choice is not None)


async def _send(
    session: aiohttp.ClientSession, url: str, prompt: str, model: str, max_tokens: int
) -> Choice:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
    }
    choice = Choice("", "unreachable", 0)
    for _ in range(_TRIES):
        try:
            async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                await answer.read()
                served = answer.headers.get("x-weir-model", "") if answer.ok else ""
                return Choice(served, answer.headers.get("x-weir-reason", ""), answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            choice = Choice("", type(error).__name__, 0)
    return choice
