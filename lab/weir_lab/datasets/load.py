"""Loads a path's data; a file's columns decide which form it has.

The recorded form (a folder with `outcome_prompts.parquet` and `outcomes.parquet`) has prompts in
one file and answers in the other, joined by `prompt_id`; every other folder is the concatenation of
its files. Few-shot examples in front of a recorded question are cut, so that a router reads the
question itself.
"""

from pathlib import Path

import numpy as np

from weir_lab.datasets import checks
from weir_lab.datasets.battles import Battles, gather_battles, parse_battles
from weir_lab.datasets.outcomes import Answers, Outcomes, gather, parse_answers
from weir_lab.datasets.pairs import Pair, choose_pair, parse_pair
from weir_lab.datasets.tables import Table, find_files, read_table
from weir_lab.datasets.texts import fingerprint
from weir_lab.errors import DataError

_FORMS = (
    "outcomes (prompt, model, score[, cost, tokens]), paired scores (prompt, strong_score, "
    "weak_score) or preferences (prompt, model_a, model_b, winner)"
)


def load_outcomes(path: Path) -> Outcomes:
    """All outcomes of a file or folder; a folder's files of preferences are skipped."""
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
    """All preferences of a file or folder; a folder's files of outcomes are skipped."""
    tables = (read_table(file) for file in find_files(path))
    found = [parse_battles(t) for t in tables if path.is_file() or _is_battles(t)]
    if not found:
        raise DataError(f"{path}: no file of preferences; Weir reads {_FORMS}")
    return gather_battles(found)


def holds_outcomes(path: Path) -> bool:
    """Whether any file holds something other than preferences, which `load_outcomes` reads."""
    return is_recorded(path) or any(not _is_battles(read_table(file)) for file in find_files(path))


def holds_battles(path: Path) -> bool:
    """Whether any file holds preferences."""
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


def load_prompts(path: Path) -> tuple[str, ...]:
    """The distinct prompts of a file, or of a folder's files with a column `prompt`, in order.

    Other columns are ignored. Raises DataError.
    """
    found: dict[bytes, str] = {}
    for file in find_files(path):
        table = read_table(file)
        if path.is_dir() and "prompt" not in table.columns:
            continue
        checks.require(table, ("prompt",), "unlabelled prompts")
        for prompt in checks.texts(table, "prompt"):
            found.setdefault(fingerprint(prompt), prompt)
    if not found:
        raise DataError(f"{path}: no file has a column 'prompt'")
    return tuple(found.values())


_PROMPTS = "outcome_prompts.parquet"
_ANSWERS = "outcomes.parquet"
# Sources whose prompts begin with solved examples; the last paragraph is the question.
_FEW_SHOT = frozenset({"routerbench"})


def is_recorded(path: Path) -> bool:
    """Whether the folder has the recorded form."""
    return (path / _PROMPTS).is_file() and (path / _ANSWERS).is_file()


def read_recorded(folder: Path) -> Answers:
    """Both files, joined. Raises DataError naming row and column."""
    prompts = read_table(folder / _PROMPTS)
    answers = read_table(folder / _ANSWERS)
    checks.require(prompts, ("prompt_id", "prompt", "source"), "recorded prompts")
    checks.require(answers, ("prompt_id", "model", "score"), "recorded answers")
    row_of = {key: row for row, key in enumerate(checks.texts(prompts, "prompt_id"))}
    rows: list[int] = []
    for index, key in enumerate(answers.columns["prompt_id"]):
        row = row_of.get(str(key))
        if row is None:
            place = answers.at(index, "prompt_id")
            raise DataError(f"{place}: {key!r} is not in {_PROMPTS}")
        rows.append(row)
    sources = checks.labels(prompts, "source", folder.name)
    texts = checks.texts(prompts, "prompt")
    questions = tuple(_question(t, s) for t, s in zip(texts, sources, strict=True))
    categories = checks.labels(prompts, "category", "")
    named = "model_norm" if "model_norm" in answers.columns else "model"
    tokens = checks.amounts(answers, "input_tokens") + checks.amounts(answers, "output_tokens")
    return Answers(
        prompts=tuple(questions[row] for row in rows),
        models=checks.texts(answers, named),
        scores=checks.unit_interval(answers, "score"),
        costs=checks.amounts(answers, "cost_usd"),
        tokens=np.where(tokens > 0, tokens, np.nan),
        sources=tuple(sources[row] for row in rows),
        categories=tuple(categories[row] for row in rows),
    )


def _question(prompt: str, source: str) -> str:
    return prompt.rsplit("\n\n", 1)[-1] if source in _FEW_SHOT else prompt
