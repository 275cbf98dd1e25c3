"""Policy files change under load: not one request is dropped; a broken file changes nothing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from support.chat_client import TIMEOUT, ChatAnswer, ask, chat
from support.polling import eventually
from support.programs import up

CALLERS = 16


@asynccontextmanager
async def under_load(url: str) -> AsyncGenerator[list[ChatAnswer]]:
    """Callers that ask without a pause; every answer, or what went wrong instead."""
    answers: list[ChatAnswer] = []
    stop = asyncio.Event()

    async def caller(session: aiohttp.ClientSession, number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            answers.append(await ask(session, url, chat(f"Caller {number}, turn {turn}: hello")))

    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(CALLERS):
            group.create_task(caller(session, number), name=f"caller {number}")
        try:
            yield answers
        finally:
            stop.set()


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    fresh = file.with_suffix(".tmp")
    fresh.write_text(text.replace(old, new), encoding="utf-8")
    fresh.replace(file)  # as most editors do


async def test_change_under_load_drops_nothing(policies: Path, tmp_path: Path) -> None:
    policy = policies / "policy.yaml"
    objectives = ["strongShare: 30%", 'threshold: "0"', 'threshold: "1"', 'threshold: "0"']
    models = ["large", "small", "large"]
    with up([policies], log=tmp_path / "log") as running:
        async with under_load(running.url) as answers:
            for at, model in enumerate(models):
                rewrite(policy, objectives[at], objectives[at + 1])
                seen = len(answers)

                async def decided(seen: int = seen, model: str = model) -> bool:
                    fresh = answers[seen:][-CALLERS:]
                    return len(fresh) == CALLERS and {each.model for each in fresh} == {model}

                await eventually(decided, within=30)
        assert {answer.status for answer in answers} == {200}


async def test_broken_file_keeps_the_last_good_and_says_where(
    policies: Path, tmp_path: Path
) -> None:
    policy = policies / "policy.yaml"
    with up([policies], log=tmp_path / "log") as running:
        rewrite(policy, "strongShare: 30%", "strongShar: 30%")

        async def told() -> bool:
            return "the last good policies stay in force" in running.said

        await eventually(told, within=30)
        line = policy.read_text(encoding="utf-8").splitlines().index("    strongShar: 30%") + 1
        assert f"policy.yaml:{line}" in running.said
        assert "strongShare" in running.said
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            assert (await ask(session, running.url, chat("hello"))).status == 200
            rewrite(policy, "strongShar: 30%", 'threshold: "0"')

            async def mended() -> bool:
                return (await ask(session, running.url, chat("hello"))).model == "large"

            await eventually(mended, within=30)


async def test_two_workers_share_the_port_and_the_policies(policies: Path, tmp_path: Path) -> None:
    with up([policies], "--workers", "2", log=tmp_path / "log") as running:
        rewrite(policies / "policy.yaml", "strongShare: 30%", 'threshold: "0"')

        async def both_follow() -> bool:
            models: set[str] = set()
            for _ in range(32):  # a new connection each: the kernel deals them out
                async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                    models.add((await ask(session, running.url, chat("hello"))).model)
            return models == {"large"}

        await eventually(both_follow, within=30)
