"""The recorded form: prompts in one file, answers in another, joined by `prompt_id`.

Few-shot examples in front of a question are cut, so that a router reads the question itself.
"""

from pathlib import Path

import numpy as np

from weir_lab.datasets import checks
from weir_lab.datasets.outcomes import Answers
from weir_lab.datasets.tables import read_table
from weir_lab.errors import DataError

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
