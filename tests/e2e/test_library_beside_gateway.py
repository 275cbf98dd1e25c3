"""200 requests decided by the library and by a gateway over HTTP: one table, the same decisions."""

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import weir
from support.bundles import ROOT, default_bundle
from support.chat_client import TIMEOUT, ChatAnswer, ask, chat
from support.programs import up

REQUESTS = 200
PAIRS = ROOT / "lab" / "weir_lab" / "sense" / "pairs"
# However slow the machine: here a score is waited for.
PATIENT = {"WEIR_SCORE_WITHIN": "30s"}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {}}}
DIGITS = 4  # of the score's header


def prompts() -> Iterator[str]:
    for file in sorted(PAIRS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            pair = json.loads(line)
            for side in (pair["easy"], pair["hard"]):
                yield side if isinstance(side, str) else side[-1]


def requests() -> list[dict[str, Any]]:
    """Every tenth is the fourth turn of an agent, which the quickstart has a rule for."""
    made: list[dict[str, Any]] = []
    every_other = islice(prompts(), 0, None, 3)
    for number, prompt in enumerate(islice(every_other, REQUESTS)):
        body: dict[str, Any] = chat(prompt)
        if number % 10 == 0:
            turns = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "Ok."}]
            body = {**body, "messages": [*turns * 3, *body["messages"]], "tools": [TOOL]}
        made.append(body)
    return made


@pytest.mark.may_block
@pytest.mark.parametrize("objective", ["strongShare: 30%", 'threshold: "0.4"'])
async def test_decisions_are_the_gateways(policies: Path, tmp_path: Path, objective: str) -> None:
    """One after the other, since a share's threshold follows what came before."""
    file = policies / "policy.yaml"
    file.write_text(file.read_text().replace("strongShare: 30%", objective))
    asked = requests()
    with up([policies], log=tmp_path / "log", environment=PATIENT) as running:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            over_http = [await ask(session, running.url, body) for body in asked]
    with weir.Decider.open(policies, bundle=default_bundle(), timeout=30.0) as decider:
        decided = [await asyncio.to_thread(decider.decide, body) for body in asked]
    assert len(decided) == REQUESTS
    assert [row(answer) for answer in over_http] == [
        (d.backend, d.reason, None if d.score is None else f"{d.score:.{DIGITS}f}") for d in decided
    ]
    assert {d.backend for d in decided} == {"small", "large"}
    assert {d.reason for d in decided} == {"scored", "rule:agents"}


def row(answer: ChatAnswer) -> tuple[str, str, str | None]:
    return answer.model, answer.reason, answer.headers.get("x-weir-score")
