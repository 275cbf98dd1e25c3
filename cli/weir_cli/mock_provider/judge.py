"""Plays a judge: a model whose name contains `judge` answers with one word.

A digit from 1 to 9 where it is asked for one, else yes or no, and how likely each was. The rule is
meant to be steered by the words of a prompt: `hard` in it makes for doubt, `easy` for trust; where
it has neither, a hash decides. An answer of a script that says `rightanswer` or `wronganswer` is
taken as it says. Pure.
"""

import hashlib
import re
from typing import Final

JUDGE: Final = "judge"
ASKS_FOR_A_DIGIT: Final = "one digit"
RIGHT, WRONG = "rightanswer", "wronganswer"
DOUBT, TRUST = 0.1, 0.9  # how likely `yes` is

_MARKER: Final = re.compile(r"[0-9a-f]{16,}")  # drawn anew for each question: never the same twice

Odds = tuple[tuple[str, float], ...]


def verdict(prompt: str) -> Odds:
    """The words that may be answered, and the probability of each."""
    words = set(re.findall(r"\w+", _shown(prompt).casefold()))
    digest = hashlib.sha256(_MARKER.sub("", prompt).encode("utf-8", "replace")).digest()
    if {RIGHT, WRONG} & words:
        trust = DOUBT if WRONG in words else TRUST
    elif {"hard", "easy"} & words:
        trust = DOUBT if "hard" in words else TRUST
    else:
        trust = (1 + digest[0]) / 257
    if ASKS_FOR_A_DIGIT in prompt:
        return _digit(1 - trust)
    return (("yes", trust), ("no", 1 - trust))


def _shown(prompt: str) -> str:
    """The last turn and what follows it, of what stands between markers where there are any.

    A question's own words stand outside: how *hard* is it?
    """
    pieces = _MARKER.split(prompt)
    inside = " ".join(pieces[1:-1]) if len(pieces) > 1 else prompt
    return inside.rpartition("user:")[2]


def _digit(difficulty: float) -> Odds:
    """Two neighbouring digits, so that their mean is just as hard."""
    exact = 1 + 8 * difficulty
    below = min(int(exact), 8)
    return ((str(below), below + 1 - exact), (str(below + 1), exact - below))
