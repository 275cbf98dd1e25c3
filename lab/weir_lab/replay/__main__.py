"""`python -m weir_lab.replay`: the table of docs/savings.md, from recorded outcomes with costs.

Routing alone, with a cascade whose judge is good, fair or no better than chance, and with a cache
at several shares of repeated requests: the cost at one retention, losing cases included.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.datasets import Outcomes, load_outcomes
from weir_lab.replay.savings import Found, Traffic, cached, cascaded, judgement_usd, routed
from weir_lab.scoring import score_prompts
from weir_scorer.bundle.bundle import Bundle

PAIRS: Final = (
    ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
    ("mistral-7b-instruct-v0.1", "gpt-4-1106-preview"),
    ("gpt-3.5-turbo-1106", "gpt-4-1106-preview"),
    ("claude-instant-v1", "claude-v1"),
    ("mixtral-8x7b-instruct-v0.1", "yi-34b-chat"),
)
SKILLS: Final = (0.5, 0.7, 0.8, 0.9)  # area under the judge's ROC curve
HITS: Final = (0.1, 0.3)  # share of requests that a cache answers
# A judge reads prompt, answer and its own instructions and writes a token: priced as a small model.
JUDGE_USD_PER_TOKEN: Final = 0.15e-6


@dataclass(frozen=True, slots=True)
class Options:
    """What is worked out."""

    retention: float
    splits: int


def main() -> int:
    """Print the table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.replay", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="outcomes with costs")
    parser.add_argument("--source", default="routerbench")
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--router", default="default")
    parser.add_argument("--retention", type=float, default=0.95)
    parser.add_argument("--splits", type=int, default=20)
    options = parser.parse_args()
    outcomes = load_outcomes(options.data)
    outcomes = outcomes.only(np.array([name == options.source for name in outcomes.sources]))
    with Bundle.open(options.bundle, devices=["cpu"]) as bundle:
        scores = score_prompts(bundle, options.router, outcomes.prompts).scores
    sys.stdout.write(HEAD)
    for weak, strong in PAIRS:
        for line in _lines(
            outcomes, scores, (weak, strong), Options(options.retention, options.splits)
        ):
            sys.stdout.write(line)
            sys.stdout.flush()
    return 0


HEAD: Final = (
    "| models | method | cost, of all-strong | 90 % of resplits | quality kept | kept in "
    + "".join(f"| with {hits:.0%} cache hits " for hits in HITS)
    + "|\n|---|---|---|---|---|---"
    + "|---" * len(HITS)
    + "|\n"
)


def _lines(
    outcomes: Outcomes, scores: Doubles, pair: tuple[str, str], options: Options
) -> Iterator[str]:
    weak, strong = (outcomes.models.index(name) for name in pair)
    rows = np.flatnonzero(np.isfinite(outcomes.cost[:, [weak, strong]]).all(axis=1))
    chars = np.array([len(outcomes.prompts[row]) for row in rows], dtype=np.float64)
    lot = np.random.default_rng(0).random(len(rows))
    traffic = Traffic(
        weak=outcomes.quality[rows, weak],
        strong=outcomes.quality[rows, strong],
        weak_usd=outcomes.cost[rows, weak],
        strong_usd=outcomes.cost[rows, strong],
        score=scores[rows],
        judge_usd=judgement_usd(chars, JUDGE_USD_PER_TOKEN),
    )
    retention, splits = options.retention, options.splits
    by_lot = Traffic(**{**_columns(traffic), "score": lot})
    yield _row(pair, "random", routed(by_lot, retention, splits))
    yield _row(pair, "routing", routed(traffic, retention, splits))
    for auc in SKILLS:
        found = cascaded(traffic, retention, splits, auc)
        yield _row(pair, f"routing + cascade, judge {auc:.1f}", found)


def _columns(traffic: Traffic) -> dict[str, Doubles]:
    return {name: getattr(traffic, name) for name in Traffic.__slots__}


def _row(pair: tuple[str, str], way: str, found: Found) -> str:
    cells = (
        " / ".join(pair),
        way,
        f"{found.cost:.1%}",
        f"{found.low:.1%} to {found.high:.1%}",
        f"{found.retained:.1%}",
        f"{found.retained_often:.0%}",
        *(f"{cached(found.cost, hits):.1%}" for hits in HITS),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
