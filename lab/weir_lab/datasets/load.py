"""From a path to data: which form a file has is told by its columns.

The recorded form (a folder with `outcome_prompts.parquet` and `outcomes.parquet`) keeps prompts
and answers apart; every other folder is the concatenation of its files.
"""

from pathlib import Path

import numpy as np

from weir_lab.datasets.battles import Battles, gather_battles, parse_battles
from weir_lab.datasets.outcomes import Answers, Outcomes, gather, parse_answers
from weir_lab.datasets.pairs import Pair, choose_pair, parse_pair
from weir_lab.datasets.recorded import is_recorded, read_recorded
from weir_lab.datasets.tables import Table, find_files, read_table
from weir_lab.errors import DataError

_FORMS = (
    "outcomes (prompt, model, score[, cost, tokens]), paired scores (prompt, strong_score, "
    "weak_score) or preferences (prompt, model_a, model_b, winner)"
)


def load_outcomes(path: Path) -> Outcomes:
    """All outcomes of a file or folder. Files of preferences in a folder are passed over."""
    if is_recorded(path):
        return gather([read_recorded(path)])
    parts: list[Answers] = []
    for file in find_files(path):
        table = read_table(file)
        if path.is_dir() and _is_battles(table):
            continue
        parts.append(_paired_answers(table) if _is_pair(table) else parse_answers(table))
    if not parts:
        raise DataError(f"{path}: no file of outcomes; Weir reads {_FORMS}")
    return gather(parts)


def load_battles(path: Path) -> Battles:
    """All preferences of a file or folder. Files of outcomes in a folder are passed over."""
    tables = (read_table(file) for file in find_files(path))
    found = [parse_battles(t) for t in tables if path.is_file() or _is_battles(t)]
    if not found:
        raise DataError(f"{path}: no file of preferences; Weir reads {_FORMS}")
    return gather_battles(found)


def holds_outcomes(path: Path) -> bool:
    """Whether any file is not one of preferences: what `load_outcomes` would read."""
    return is_recorded(path) or any(not _is_battles(read_table(file)) for file in find_files(path))


def holds_battles(path: Path) -> bool:
    """Whether any file is one of preferences."""
    return any(_is_battles(read_table(file)) for file in find_files(path))


def load_pair(path: Path, weak: str | None = None, strong: str | None = None) -> Pair:
    """A weak and a strong model on the same prompts, from paired scores or from outcomes."""
    if path.is_file():
        table = read_table(path)
        if "strong_score" in table.columns or "weak_score" in table.columns:
            return parse_pair(table)  # which names the other column, if it is missing
        return choose_pair(gather([parse_answers(table)]), weak, strong)
    return choose_pair(load_outcomes(path), weak, strong)


def _is_pair(table: Table) -> bool:
    return "strong_score" in table.columns and "weak_score" in table.columns


def _is_battles(table: Table) -> bool:
    return "winner" in table.columns


def _paired_answers(table: Table) -> Answers:
    """Paired scores as outcomes of two models named `weak` and `strong`."""
    pair = parse_pair(table)
    unknown = np.full(2 * len(pair), np.nan)
    return Answers(
        prompts=pair.prompts * 2,
        models=(pair.weak_name,) * len(pair) + (pair.strong_name,) * len(pair),
        scores=np.concatenate([pair.weak, pair.strong]),
        costs=np.concatenate([pair.weak_cost, pair.strong_cost]),
        tokens=unknown,
        sources=pair.sources * 2,
        categories=pair.categories * 2,
    )
