"""The sense pairs as training reads them: every pair as it is, and inside pasted text.

Both prompts of a pair get the same passages before or after them, so that what stands around a
question tells nothing. Of a conversation the last turn is read, as the scorer does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles, Flags, Floats

PASTED_WEIGHT = 0.25  # of a pair inside pasted text, beside 1 for the pair itself
PASTED_CHARS = (300, 1000, 2500, 8000)

_SUBJECT_GROUPS = 5
_FOLDER = files("weir_lab.sense")


@dataclass(frozen=True, slots=True)
class SensePairs:
    """Easy and hard prompts in turn: row 2k is the easy one of pair k, 2k + 1 the hard one."""

    prompts: tuple[str, ...]
    weights: Doubles  # [pairs]
    fold: NDArray[np.str_]  # [pairs]: languages, and of English its subjects; to leave out
    kind: NDArray[np.str_]  # [pairs]; "filled" where the pair stands in pasted text
    languages: Mapping[str, int]  # written pairs


@dataclass(frozen=True, slots=True)
class SenseColumns:
    """The columns of the pairs' prompts."""

    pairs: SensePairs
    rows: Floats

    def without(self, left_out: Flags) -> "SenseColumns":
        """All but some pairs."""
        rest = ~left_out
        prompts = tuple(
            prompt
            for prompt, keep in zip(self.pairs.prompts, np.repeat(rest, 2), strict=True)
            if keep
        )
        pairs = replace(
            self.pairs,
            prompts=prompts,
            weights=self.pairs.weights[rest],
            fold=self.pairs.fold[rest],
            kind=self.pairs.kind[rest],
        )
        return SenseColumns(pairs, self.rows[np.repeat(rest, 2)])


def load_sense_pairs(seed: int) -> SensePairs:
    """All pairs, and each twice inside pasted text: after it and before it."""
    written = [
        cast("dict[str, object]", json.loads(line))
        for file in sorted((_FOLDER / "pairs").iterdir(), key=lambda file: file.name)
        for line in file.read_text("utf-8").splitlines()
        if line.strip()
    ]
    plain = [(_last(pair["easy"]), _last(pair["hard"])) for pair in written]
    filled = _filled(plain, seed)
    every = [*plain, *filled]
    fold = [_fold(pair) for pair in written]
    languages = [str(pair["language"]) for pair in written]
    return SensePairs(
        prompts=tuple(prompt for pair in every for prompt in pair),
        weights=np.repeat([1.0, PASTED_WEIGHT], [len(plain), len(filled)]),
        fold=np.array([*fold, *fold, *fold]),
        kind=np.array([*(str(pair["kind"]) for pair in written), *["filled"] * len(filled)]),
        languages={name: languages.count(name) for name in sorted(set(languages))},
    )


def _filled(pairs: Sequence[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Every pair after pasted text, then every pair before it."""
    random = np.random.default_rng(seed)
    passages = [
        file.read_text("utf-8").strip()
        for file in sorted((_FOLDER / "filler").iterdir(), key=lambda file: file.name)
    ]
    after: list[tuple[str, str]] = []
    before: list[tuple[str, str]] = []
    for easy, hard in pairs:
        first, second = (_passage(passages, random) for _ in range(2))
        after.append((f"{first}\n\n{easy}", f"{first}\n\n{hard}"))
        before.append((f"{easy}\n\n{second}", f"{hard}\n\n{second}"))
    return [*after, *before]


def _passage(passages: Sequence[str], random: np.random.Generator) -> str:
    size, place = int(random.choice(PASTED_CHARS)), int(random.integers(len(passages)))
    text = ""
    while len(text) < size:
        text += passages[place % len(passages)] + "\n\n"
        place += 1
    return text[:size].strip()


def _last(turns: object) -> str:
    return turns if isinstance(turns, str) else str(cast("list[str]", turns)[-1])


def _fold(pair: Mapping[str, object]) -> str:
    """What is left out together: a language, or a fifth of the English subjects."""
    language = str(pair["language"])
    subject = crc32(str(pair["subject"]).encode())
    return f"en {subject % _SUBJECT_GROUPS}" if language == "en" else language
