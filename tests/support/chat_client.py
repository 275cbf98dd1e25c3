"""Many chat requests over HTTP at once, each answer kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class ChatAnswer:
    """One answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def model(self) -> str:
        """The candidate that answered."""
        return self.headers.get("x-weir-model", "")

    @property
    def reason(self) -> str:
        """Why it did."""
        return self.headers.get("x-weir-reason", "")


def chat(prompt: str, model: str = "auto", **fields: object) -> dict[str, object]:
    """A chat request's body."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}


async def ask(
    session: aiohttp.ClientSession, url: str, body: object, path: str = "/v1/chat/completions"
) -> ChatAnswer:
    """Ask once."""
    async with session.post(url + path, json=body) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return ChatAnswer(answer.status, headers, await answer.json(content_type=None))


async def ask_all(
    url: str,
    prompts: Sequence[str],
    *,
    connections: int,
    after: tuple[int, Callable[[], None]] | None = None,
) -> list[ChatAnswer]:
    """Ask every prompt at so many connections; answers in the prompts' order.

    `after` is how many answers to wait for before something is done in the middle of it all.
    """
    answers: list[ChatAnswer | None] = [None] * len(prompts)
    waiting = iter(enumerate(prompts))
    done = 0

    async def caller(session: aiohttp.ClientSession) -> None:
        nonlocal done
        for at, prompt in waiting:
            answers[at] = await ask(session, url, chat(prompt))
            done += 1
            if after is not None and done == after[0]:
                after[1]()

    connector = aiohttp.TCPConnector(limit=connections)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(connections):
            group.create_task(caller(session), name=f"caller {number}")
    return [answer for answer in answers if answer is not None]
