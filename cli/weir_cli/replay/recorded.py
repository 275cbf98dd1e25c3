"""Recorded outcomes as the prompts to replay: which candidate is recorded as which model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import click
import numpy as np
from numpy.typing import NDArray

from weir_cli.failure import Failure
from weir_cli.replay.local_replay import Candidate
from weir_lab.arrays import Doubles
from weir_lab.datasets import Outcomes


@dataclass(frozen=True, slots=True)
class RecordedPrompts:
    """The prompts that every candidate answered on record; columns are the candidates."""

    prompts: tuple[str, ...]
    backends: tuple[str, ...]
    models: tuple[str, ...]
    quality: Doubles
    cost: Doubles


def of_source(outcomes: Outcomes, source: str | None) -> Outcomes:
    if source is None:
        return outcomes
    if source not in outcomes.sources:
        known = ", ".join(sorted(set(outcomes.sources)))
        raise Failure(f"Nothing is recorded from source {source!r}.", hint=f"There are: {known}")
    return outcomes.only(np.array([name == source for name in outcomes.sources]))


def parse_mapping(options: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [option.partition("=") for option in options]
    if any(not equals or not backend or not model for backend, equals, model in pairs):
        raise click.BadParameter("write BACKEND=MODEL", param_hint="--map")
    return [(backend, model) for backend, _, model in pairs]


def map_by_name(known: Sequence[Candidate], outcomes: Outcomes) -> list[tuple[str, str]]:
    """Candidates recorded under their own, their profile's or their model's name."""
    pairs: list[tuple[str, str]] = []
    for candidate in known:
        recorded = next((name for name in candidate.aliases if name in outcomes.models), None)
        if recorded is None:
            raise Failure(
                f"Nothing is recorded for candidate {candidate.name!r}.",
                hint=f"--map {candidate.name}=MODEL, one of: {', '.join(outcomes.models)}",
            )
        pairs.append((candidate.name, recorded))
    if not pairs:
        raise click.UsageError("with --gateway, name every candidate with --map, weakest first")
    return pairs


def answered_by_all(
    outcomes: Outcomes, pairs: Sequence[tuple[str, str]], limit: int | None, seed: int
) -> RecordedPrompts:
    missing = [model for _, model in pairs if model not in outcomes.models]
    if missing:
        raise Failure(
            f"Nothing is recorded for model {missing[0]!r}.",
            hint=f"There are: {', '.join(outcomes.models)}",
        )
    columns = [outcomes.models.index(model) for _, model in pairs]
    rows = np.flatnonzero(np.isfinite(outcomes.quality[:, columns]).all(axis=1))
    if limit is not None:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:limit])
    if not len(rows):
        raise Failure("No prompt was answered by every candidate on record.")
    return RecordedPrompts(
        prompts=tuple(outcomes.prompts[row] for row in rows),
        backends=tuple(backend for backend, _ in pairs),
        models=tuple(model for _, model in pairs),
        quality=outcomes.quality[rows][:, columns],
        cost=outcomes.cost[rows][:, columns],
    )


def with_repeats(record: RecordedPrompts, share: float, seed: int) -> RecordedPrompts:
    """The record with this share of repeated prompts, in random order."""
    if not share:
        return record
    count = len(record.prompts)
    rng = np.random.default_rng(seed)
    repeats = rng.integers(0, count, round(count * share / (1 - share)))
    rows: NDArray[np.intp] = rng.permutation(np.concatenate([np.arange(count), repeats]))
    order: list[int] = rows.tolist()
    return replace(
        record,
        prompts=tuple(record.prompts[row] for row in order),
        quality=record.quality[rows],
        cost=record.cost[rows],
    )
