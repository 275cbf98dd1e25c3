"""How many decisions flip when a prompt's wording changes slightly and its meaning does not.

Every change is seeded by the prompt's index.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles

Score = Callable[[Sequence[str]], Doubles]

_TYPO_RATE = 0.05  # of the words of five letters and more
_WORD = re.compile(r"[A-Za-z]{5,}")


@dataclass(frozen=True, slots=True)
class Flips:
    """One change of wording: the share of decisions that flip, and how far scores move."""

    change: str
    prompts: int
    flipped: float
    mean_move: float


def flips(
    prompts: Sequence[str], scores: Doubles, threshold: float, score: Score, seed: int
) -> tuple[Flips, ...]:
    """Score every changed form of the prompts and compare decisions at the threshold."""
    found: list[Flips] = []
    for name, change in CHANGES.items():
        changed = [
            change(prompt, random.Random(f"{seed} {place}"))  # noqa: S311 - repeatable, not secret
            for place, prompt in enumerate(prompts)
        ]
        after = score(changed)
        found.append(
            Flips(
                change=name,
                prompts=len(prompts),
                flipped=float(((after >= threshold) != (scores >= threshold)).mean()),
                mean_move=float(np.abs(after - scores).mean()),
            )
        )
    return tuple(found)


def _typos(text: str, rng: random.Random) -> str:
    def swap(word: re.Match[str]) -> str:
        letters = word.group()
        if rng.random() >= _TYPO_RATE:
            return letters
        at = rng.randrange(1, len(letters) - 2)
        return letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :]

    return _WORD.sub(swap, text)


def _lower(text: str, _: random.Random) -> str:
    return text.lower()


def _upper_first(text: str, _: random.Random) -> str:
    return text[:1].swapcase() + text[1:]


def _spaces(text: str, rng: random.Random) -> str:
    return "".join(c * 2 if c == " " and rng.random() < _TYPO_RATE else c for c in text) + "\n"


def _courtesy(text: str, _: random.Random) -> str:
    return f"Please help me with this.\n{text}\nThank you!"


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "typos": _typos,
    "lower case": _lower,
    "first letter's case": _upper_first,
    "spaces doubled": _spaces,
    "courtesies added": _courtesy,
}
