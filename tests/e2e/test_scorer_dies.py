"""The scorer is killed under load: no request is lost, and scores come back with it."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

import aiohttp

from support.chat_client import TIMEOUT, ask, ask_all, chat
from support.polling import eventually
from support.programs import Program, up

REQUESTS = 2000
KILL_AFTER = 400
CONNECTIONS = 32


async def test_scorer_killed_in_the_middle_of_it_all(policies: Path, tmp_path: Path) -> None:
    prompts = [f"Question {number}: why does a weir hold back water?" for number in range(REQUESTS)]
    with up([policies], log=tmp_path / "log") as running:
        scorer = running.child("weir_scorer")
        answers = await ask_all(
            running.url,
            prompts,
            connections=CONNECTIONS,
            after=(KILL_AFTER, lambda: os.kill(scorer, signal.SIGKILL)),
        )
        assert len(answers) == REQUESTS
        assert {answer.status for answer in answers} == {200}
        reasons = Counter(answer.reason for answer in answers)
        assert set(reasons) == {"scored", "scorer_unavailable"}
        assert reasons["scored"] >= KILL_AFTER
        unscored = [answer for answer in answers if answer.reason == "scorer_unavailable"]
        assert {answer.model for answer in unscored} == {"small"}  # failureMode: weak
        assert await _counted(running) == len(unscored)
        await _resumes(running)
        assert "starting it again" in running.said
        assert running.child("weir_scorer") != scorer


async def _counted(running: Program) -> int:
    """How many decisions without a score the gateway's own metrics tell."""
    found = re.search(r"probes and metrics: gateway (http://[^,]+),", running.said)
    assert found is not None
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.get(f"{found[1]}/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    told = [line for line in lines if line.startswith("weir_decisions")]
    return sum(int(float(line.rpartition(" ")[2])) for line in told if "scorer_unavailable" in line)


async def _resumes(running: Program) -> None:
    """A prompt that was never seen is scored again."""
    numbers = iter(range(100_000))
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:

        async def scored() -> bool:
            fresh = await ask(session, running.url, chat(f"Once more, {next(numbers)}: why?"))
            return fresh.reason == "scored"

        await eventually(scored, within=30)


async def test_a_dead_gateway_is_started_again(policies: Path, tmp_path: Path) -> None:
    with up([policies], log=tmp_path / "log") as running:
        gateway = running.child("weir_gateway")
        os.kill(gateway, signal.SIGKILL)

        async def serves() -> bool:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                try:
                    return (await ask(session, running.url, chat("hello"))).status == 200
                except aiohttp.ClientConnectionError:
                    return False

        await eventually(serves, within=30)
        assert running.child("weir_gateway") != gateway
