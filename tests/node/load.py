"""Requests without a pause until told to stop: a program that the node's tests run beside a change.

    python load.py BASE_URL CALLERS STREAMED_SHARE

Each caller is the official client with its own defaults. Prints `begun` when every caller has had
an answer, ends on a line on stdin, and prints JSON: how many were answered, by model, and what
every failure said.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

import openai
from ask import PROMPTS

DEADLINE_S = 60.0
LEAST = 4  # requests of each caller, however short the change: both models are asked


@dataclass(slots=True)
class Tally:
    """What came of the requests."""

    answered: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])


async def ask(client: openai.AsyncOpenAI, number: int, *, stream: bool) -> str:
    """One request; the model that answered. Raises what the client raises."""
    prompt = f"Request {number}: {PROMPTS[number % len(PROMPTS)]}"
    if not stream:
        answer = await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": prompt}]
        )
        assert answer.choices[0].message.content
        return answer.model
    model, ended = "", False
    chunks = await client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": prompt}], stream=True
    )
    async for chunk in chunks:
        model = chunk.model
        ended = ended or any(choice.finish_reason for choice in chunk.choices)
    assert ended, "the stream ended without a finish_reason"
    return model


async def call(
    url: str, caller: int, share: float, begun: asyncio.Barrier, stop: asyncio.Event, tally: Tally
) -> None:
    """One caller's requests, one after another; it meets the others at `begun` after its first."""
    first = number = caller * 1_000_000
    async with openai.AsyncOpenAI(base_url=url, api_key="none", timeout=DEADLINE_S) as client:
        while not stop.is_set() or number - first < LEAST:
            number += 1
            try:
                model = await ask(client, number, stream=(number % 100) < share * 100)
            except (openai.OpenAIError, AssertionError) as error:
                tally.failures.append(f"{type(error).__name__}: {error}")
            else:
                tally.answered[model] += 1
            if number == first + 1:
                await begun.wait()


async def main() -> None:
    """Run until a line comes on stdin."""
    url, callers, share = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    begun, stop, tally = asyncio.Barrier(callers + 1), asyncio.Event(), Tally()
    async with asyncio.TaskGroup() as tasks:
        for caller in range(callers):
            work = call(url, caller, share, begun, stop, tally)
            tasks.create_task(work, name=f"caller-{caller}")
        await begun.wait()
        print("begun", flush=True)  # noqa: T201 - for who started it
        await asyncio.to_thread(sys.stdin.readline)
        stop.set()
    print(json.dumps({"answered": tally.answered, "failures": tally.failures}))  # noqa: T201 - its result


if __name__ == "__main__":
    asyncio.run(main())
