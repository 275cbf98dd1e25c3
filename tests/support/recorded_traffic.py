"""Recorded prompts as traffic: each with its router's score, its answers' tokens and quality."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from support.tables import backend
from support.traffic_simulation import Prompt
from weir_gateway.domain.money import PICO_PER_USD, Price
from weir_gateway.domain.table import Backend
from weir_lab.datasets import load_outcomes
from weir_scorer import Bundle
from weir_wires.content import Usage

WEAK, STRONG = "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"
# USD per million tokens, in and out, when the answers were recorded.
PRICES = {WEAK: (0.6, 0.6), STRONG: (10.0, 30.0)}
CHARS_PER_TOKEN = 4


def candidates() -> tuple[Backend, Backend]:
    """The recorded pair, at the prices of its recording."""
    weak, strong = (_priced(name) for name in (WEAK, STRONG))
    return weak, strong


def _priced(name: str) -> Backend:
    read, wrote = (round(1e6 * usd) for usd in PRICES[name])
    price = Price(input=read, output=wrote, cached_input=read, cache_write=read)
    return replace(backend(name), price=price)


def recorded(folder: Path, bundle: Path) -> list[Prompt]:
    """Every prompt that both models answered and whose costs are on record."""
    outcomes = load_outcomes(folder)
    columns = [outcomes.models.index(name) for name in (WEAK, STRONG)]
    cost, quality = outcomes.cost[:, columns], outcomes.quality[:, columns]
    known = np.isfinite(cost).all(axis=1) & np.isfinite(quality).all(axis=1)
    rows = np.flatnonzero(known & (cost > 0).all(axis=1))
    prompts = [outcomes.prompts[row] for row in rows]
    with Bundle.open(bundle, devices=["cpu"]) as opened:
        scores = opened.score(prompts).scores
    return [
        Prompt(
            score=float(score),
            used=tuple(_used(text, float(cost[row, n]), n) for n in range(2)),
            chars=len(text),
            quality=(float(quality[row, 0]), float(quality[row, 1])),
        )
        for row, text, score in zip(rows, prompts, scores, strict=True)
    ]


def _used(text: str, paid: float, column: int) -> Usage:
    """Tokens that cost what is on record: the prompt's by its length, the rest the answer's."""
    price = candidates()[column].price
    read = len(text) // CHARS_PER_TOKEN
    rest = paid * PICO_PER_USD - read * price.input
    if rest < 0:
        return Usage(round(paid * PICO_PER_USD / price.input), 0)
    return Usage(read, round(rest / price.output))


def drawing(prompts: Sequence[Prompt], chance: Random) -> Callable[[], Prompt]:
    """Any of them, again and again."""
    return lambda: prompts[chance.randrange(len(prompts))]
