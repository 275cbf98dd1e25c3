"""Recorded outcomes: how well each model answered each prompt, as one matrix.

A file's form: `prompt, model, score[, cost, tokens, source, category]`, one row an answer. Several
answers of one model to one prompt are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets import checks
from weir_lab.datasets.tables import Table
from weir_lab.datasets.texts import fingerprint

REQUIRED = ("prompt", "model", "score")
LONG_PROMPT = 100_000  # characters; a router reads far fewer


@dataclass(frozen=True, slots=True)
class Outcomes:
    """`quality[i, m]` is model m's mean score on prompt i in [0, 1]; NaN where not recorded.

    `cost` is in USD an answer and `tokens` in the provider's tokens, NaN where unknown.
    """

    prompts: tuple[str, ...]
    models: tuple[str, ...]
    quality: NDArray[np.float64]
    cost: NDArray[np.float64]
    tokens: NDArray[np.float64]
    sources: tuple[str, ...]
    categories: tuple[str, ...]
    notes: tuple[str, ...] = ()  # corrections, for the report

    def __len__(self) -> int:
        return len(self.prompts)

    def only(self, keep: NDArray[np.bool_], note: str | None = None) -> "Outcomes":
        """The prompts that are marked, and the models that answered any of them."""
        rows = np.flatnonzero(keep)
        answered = np.isfinite(self.quality[rows]).any(axis=0)
        columns = np.flatnonzero(answered)
        cells = np.ix_(rows, columns)
        return Outcomes(
            prompts=tuple(self.prompts[i] for i in rows),
            models=tuple(self.models[m] for m in columns),
            quality=self.quality[cells],
            cost=self.cost[cells],
            tokens=self.tokens[cells],
            sources=tuple(self.sources[i] for i in rows),
            categories=tuple(self.categories[i] for i in rows),
            notes=self.notes if note is None else (*self.notes, note),
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """The checked rows of a file of outcomes, one per answer."""

    prompts: tuple[str, ...]
    models: tuple[str, ...]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    tokens: NDArray[np.float64]
    sources: tuple[str, ...]
    categories: tuple[str, ...]


def parse_answers(table: Table) -> Answers:
    """Check a table of outcomes. Raises DataError naming row and column."""
    checks.require(table, REQUIRED, "outcomes")
    return Answers(
        prompts=checks.texts(table, "prompt"),
        models=checks.texts(table, "model"),
        scores=checks.unit_interval(table, "score"),
        costs=checks.amounts(table, "cost"),
        tokens=checks.amounts(table, "tokens"),
        sources=checks.labels(table, "source", table.path.stem),
        categories=checks.labels(table, "category", ""),
    )


def gather(parts: Sequence[Answers]) -> Outcomes:
    """One matrix of all the answers; prompts that are equal in canonical form are one prompt."""
    prompt_of = _Index()
    model_of = _Index()
    first: list[tuple[str, str, str]] = []
    rows: list[int] = []
    columns: list[int] = []
    for part in parts:
        for k, prompt in enumerate(part.prompts):
            row = prompt_of.number(fingerprint(prompt))
            if row == len(first):
                first.append((prompt, part.sources[k], part.categories[k]))
            rows.append(row)
            columns.append(model_of.number(part.models[k]))
    shape = (len(first), len(model_of.keys))
    cells = np.ravel_multi_index((np.array(rows), np.array(columns)), shape)
    scores = np.concatenate([part.scores for part in parts])
    quality = _mean(cells, scores, shape)
    return Outcomes(
        prompts=tuple(prompt for prompt, _, _ in first),
        models=tuple(str(key) for key in model_of.keys),
        quality=quality,
        cost=_mean(cells, np.concatenate([part.costs for part in parts]), shape),
        tokens=_mean(cells, np.concatenate([part.tokens for part in parts]), shape),
        sources=tuple(source for _, source, _ in first),
        categories=tuple(category for _, _, category in first),
        notes=_notes(cells, scores, quality, [prompt for prompt, _, _ in first]),
    )


class _Index:
    """Numbers for keys, in the order in which they come."""

    def __init__(self) -> None:
        self.keys: dict[object, int] = {}

    def number(self, key: object) -> int:
        return self.keys.setdefault(key, len(self.keys))


def _mean(
    cells: NDArray[np.intp], values: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float64]:
    known = np.isfinite(values)
    size = shape[0] * shape[1]
    counts = np.bincount(cells[known], minlength=size)
    sums = np.bincount(cells[known], weights=values[known], minlength=size)
    means = np.full(size, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(shape)


def _notes(
    cells: NDArray[np.intp],
    scores: NDArray[np.float64],
    quality: NDArray[np.float64],
    prompts: Sequence[str],
) -> tuple[str, ...]:
    notes: list[str] = []
    repeated = len(cells) - len(np.unique(cells))
    differing = len(np.unique(cells[np.abs(scores - quality.ravel()[cells]) > 1e-9]))  # noqa: PLR2004 - rounding only
    if repeated:
        notes.append(
            f"{repeated} answers repeat a prompt and model; {differing} of these pairs have "
            "different scores: each pair counts once, with its mean score"
        )
    long = sum(len(prompt) > LONG_PROMPT for prompt in prompts)
    if long:
        notes.append(
            f"{long} prompts are longer than {LONG_PROMPT} characters; "
            "a router reads only their beginning"
        )
    return tuple(notes)
