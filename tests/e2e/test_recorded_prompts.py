"""A thousand recorded prompts over HTTP: a threshold's decisions, and a share's."""

import asyncio
import random
from pathlib import Path

import aiohttp
import pytest

from support.bundles import default_bundle
from support.chat_client import TIMEOUT, ask, ask_all, chat
from support.data import data_file
from support.programs import up
from weir_lab.datasets.parquet import read_columns
from weir_scorer import Bundle

PROMPTS = 1000
CONNECTIONS = 32
# A score is its prompt's alone, whatever shared its batch.
TOLERANCE = 1e-6
ROUNDED = 0.5e-4 + TOLERANCE  # the header has four digits
SHARE = "strongShare: 30%"  # as the quickstart has it
# However slow the machine: here a score is waited for.
PATIENT = {"WEIR_SCORE_WITHIN": "30s"}


@pytest.mark.data
async def test_decisions_are_the_scores_sides_of_the_threshold(
    policies: Path, tmp_path: Path
) -> None:
    prompts = _sample()
    policy = policies / "policy.yaml"
    assert SHARE in policy.read_text()
    policy.write_text(policy.read_text().replace(SHARE, 'threshold: "0.33"'))
    with up([policies], log=tmp_path / "log", environment=PATIENT) as running:
        answers = await ask_all(running.url, prompts, connections=CONNECTIONS)
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            told = await ask(session, running.url, chat(prompts[0]), "/v1/route")
    assert len(answers) == PROMPTS
    assert {answer.status for answer in answers} == {200}
    assert {answer.reason for answer in answers} == {"scored"}
    threshold = float(told.body["threshold"])
    offline = await asyncio.to_thread(_scores, prompts)
    wrong = [
        (answer.model, answer.reason, score)
        for answer, score in zip(answers, offline, strict=True)
        if answer.model != ("large" if score >= threshold else "small")
        and abs(score - threshold) > TOLERANCE
    ]
    assert not wrong
    apart = [
        abs(float(answer.headers["x-weir-score"]) - score)
        for answer, score in zip(answers, offline, strict=True)
    ]
    assert max(apart) <= ROUNDED
    for answer in answers:  # by the score that the decision was really made with: exactly
        side = float(answer.headers["x-weir-score"]) >= round(threshold, 4)
        assert side == (answer.model == "large") or _at_the_line(answer.headers, threshold)
    assert {answer.model for answer in answers} == {"small", "large"}


@pytest.mark.data
async def test_a_share_is_that_of_the_recorded_prompts(policies: Path, tmp_path: Path) -> None:
    prompts = _sample()
    with up([policies], log=tmp_path / "log", environment=PATIENT) as running:
        answers = await ask_all(running.url, prompts, connections=CONNECTIONS)
    assert {answer.reason for answer in answers} == {"scored"}
    large = [answer.model == "large" for answer in answers]
    assert sum(large[:500]) / 500 == pytest.approx(0.3, abs=0.02)
    assert sum(large) / PROMPTS == pytest.approx(0.3, abs=0.02)


def _at_the_line(headers: dict[str, str], threshold: float) -> bool:
    """The header has four digits: equal to the threshold's four says nothing of the side."""
    return abs(float(headers["x-weir-score"]) - threshold) <= 1e-4


def _sample() -> list[str]:
    columns, _ = read_columns(data_file("outcome_prompts.parquet"))
    texts = [str(text) for text in columns["prompt"] if text]
    return random.Random(7).sample(texts, PROMPTS)


def _scores(prompts: list[str]) -> list[float]:
    with Bundle.open(default_bundle(), devices=["cpu"]) as bundle:
        return [float(score) for score in bundle.score(prompts, bundle.default_router).scores]
