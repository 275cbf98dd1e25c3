"""Reads the recorded outcomes from parquet as matrices, cleaned for training."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Flags, Floats
from weir_lab.datasets.parquet import read_columns

# An answered example before the question itself: "... Answer:\nB\n\n". All but the last go.
_SHOT = re.compile(r"Answer:\s*\(?[A-J]\)?\s*\n\s*\n")
_STEM_CHARS = 120


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Prompts and each model's score on them."""

    prompts: tuple[str, ...]
    source: NDArray[np.str_]  # [prompts]
    train: Flags  # [prompts]; the rest is dev
    models: tuple[str, ...]
    scores: Floats  # [prompts, models] in [0,1], NaN where not recorded


@dataclass(frozen=True, slots=True)
class Pairs:
    """Prompts answered by one strong and one weak model: RouteLLM's MMLU test."""

    prompts: tuple[str, ...]
    strong: Floats  # 0 or 1
    weak: Floats


@dataclass(frozen=True, slots=True)
class _Question:
    key: str
    source: str
    text: str
    train: bool


def load_outcomes(folder: Path) -> Outcomes:
    """Outcome prompts without few-shot examples, each stem once (the first in the file)."""
    questions = _questions(folder / "outcome_prompts.parquet")
    place = {question.key: index for index, question in enumerate(questions)}
    table = read_columns(folder / "outcomes.parquet")[0]
    names = cast("list[str]", table["model_norm"])
    models = tuple(sorted(set(names)))
    column = {model: index for index, model in enumerate(models)}
    scores = np.full((len(questions), len(models)), np.nan, dtype=np.float32)
    keys, values = cast("list[str]", table["prompt_id"]), cast("list[float]", table["score"])
    for key, model, value in zip(keys, names, values, strict=True):
        if key in place:
            scores[place[key], column[model]] = value
    return Outcomes(
        prompts=tuple(question.text for question in questions),
        source=np.array([question.source for question in questions]),
        train=np.array([question.train for question in questions]),
        models=models,
        scores=scores,
    )


@dataclass(frozen=True, slots=True)
class Preferences:
    """Battles that people judged, as (prompt's index, model, model, winner)."""

    prompts: tuple[str, ...]
    battles: tuple[tuple[int, str, str, str], ...]


def load_preferences(folder: Path) -> Preferences:
    """The battles of the train split."""
    table = read_columns(folder / "preferences.parquet")[0]
    names = ("prompt", "model_a", "model_b", "winner")
    columns = [cast("list[str]", table[name]) for name in names]
    rows = [
        row
        for row, split in zip(zip(*columns, strict=True), table["split"], strict=True)
        if split == "train"
    ]
    prompts = tuple(dict.fromkeys(row[0] for row in rows))
    place = {prompt: index for index, prompt in enumerate(prompts)}
    return Preferences(prompts, tuple((place[row[0]], *row[1:]) for row in rows))


def load_mmlu(folder: Path) -> Pairs:
    """The public test without its contaminated prompts. For the card only, never for training."""
    table = read_columns(folder / "routellm_mmlu.parquet")[0]
    clean = ~np.array(table["contaminated"], dtype=np.bool_)
    prompts = cast("list[str]", table["prompt"])
    return Pairs(
        prompts=tuple(prompts[index] for index in np.flatnonzero(clean)),
        strong=np.array(table["strong_score"], dtype=np.float32)[clean],
        weak=np.array(table["weak_score"], dtype=np.float32)[clean],
    )


def without_examples(prompt: str) -> str:
    """`prompt` without the answered examples before its last question."""
    return _SHOT.split(prompt)[-1]


def _questions(path: Path) -> list[_Question]:
    table = read_columns(path)[0]
    columns = [cast("list[str]", table[name]) for name in ("prompt_id", "source", "prompt")]
    seen: dict[str, _Question] = {}
    for key, source, prompt, split in zip(*columns, table["split"], strict=True):
        text = without_examples(prompt)
        seen.setdefault(_stem(text), _Question(key, source, text, split == "train"))
    return list(seen.values())


def _stem(prompt: str) -> str:
    """What two copies of one question share: its first letters and digits, in any case."""
    letters = re.sub(r"^question:", "", prompt.strip().lower())
    return re.sub(r"[\W_]+", "", letters)[:_STEM_CHARS] or prompt
