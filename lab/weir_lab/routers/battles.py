"""Battles out of records: people's preferences, and two models' outcomes on one prompt.

Must not know how battles are used.
"""

import numpy as np

from weir_lab.routers.task import Battles, Doubles, Floats, Integers

_EVEN = 1e-6  # outcomes that differ by less are a tie


def from_outcomes(
    scores: Floats, prompts: Integers, groups: Integers, a_group: int, seed: int
) -> Battles:
    """As many battles of every group (a source), between models drawn at random for a prompt.

    `scores` are [prompts, models] with NaN where unknown; `prompts` says which rows may be used,
    `groups` which group each of those is of.
    """
    random = np.random.default_rng(seed)
    drawn = [
        _draw(scores, prompts[groups == group], a_group, random) for group in np.unique(groups)
    ]
    rows, first, second = (np.concatenate(part) for part in zip(*drawn, strict=True))
    gap = (scores[rows, first] - scores[rows, second]).astype(np.float64)
    wins = np.where(np.abs(gap) <= _EVEN, 0.5, (gap > 0).astype(np.float64))
    pool = np.repeat(np.unique(groups), a_group).astype(np.intp)
    return Battles(rows, first, second, wins, np.zeros(len(rows), np.bool_), pool)


def together(parts: list[Battles]) -> Battles:
    """All of them."""
    return Battles(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Battles.__dataclass_fields__
        )
    )


def _draw(
    scores: Floats, prompts: Integers, count: int, random: np.random.Generator
) -> tuple[Integers, Integers, Integers]:
    """Prompts with two models each, drawn with replacement."""
    known = np.isfinite(scores[prompts])
    fit = prompts[known.sum(axis=1) > 1]
    rows = random.choice(fit, count)
    lots: Doubles = random.random((count, scores.shape[1]))
    lots = np.where(np.isfinite(scores[rows]), lots, -1.0)
    two = np.argpartition(-lots, 1, axis=1)[:, :2]
    return rows.astype(np.intp), two[:, 0].astype(np.intp), two[:, 1].astype(np.intp)
