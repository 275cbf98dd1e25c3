"""A conversation's last user turn, and how much it depends on the turns before it. Pure.

"thanks!" is easy whatever came before; "and why?" is as hard as what it asks about. A turn that
stands by itself is read alone, so that only follow-ups cost a second reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_scorer.features.cues import ACCEPTING, CLOSING, FOLLOWING, PARTS, POINTING_BACK, WORDS
from weir_scorer.features.words import WIDE, words_of

FOLLOW_UP = 0.6  # the weight of what came before in the score of a turn that asks about it
SHORT = 0.3  # the same of a few words that may be an answer to a question
MOST_EARLIER = 4  # turns that are looked at

_SHORT_CHARACTERS = 30
_FOLLOW_UP_CHARACTERS = 90
_STARTING_WORDS = 4  # of a turn that only its first word makes a follow-up
_POINTING_WORDS = 9  # of a turn that a word in it makes a follow-up
_CLOSING_WORDS = 12

_COURTESY = frozenset(WORDS["courtesy_words"].split())
_CLOSING = frozenset(CLOSING.split()) | _COURTESY
_FOLLOWING = frozenset(FOLLOWING.split())
_POINTING_BACK = frozenset(POINTING_BACK.split())
_ACCEPTING = frozenset(ACCEPTING.split())
_WIDE_COURTESY = tuple(PARTS["courtesy_words"].split())
_WIDE_FOLLOWING = tuple(PARTS["following_words"].split())


@dataclass(frozen=True, slots=True)
class Chat:
    """The user's own turns, of which the last is scored."""

    last: str
    earlier: tuple[str, ...] = ()  # oldest first


Prompt = str | Chat


def as_prompt(turns: Sequence[str]) -> Prompt:
    """Some turns, oldest first, as what is scored. Raises IndexError where there is none."""
    return Chat(turns[-1], tuple(turns[:-1])) if len(turns) > 1 else turns[-1]


def characters(prompt: Prompt) -> int:
    """All characters of a prompt."""
    if isinstance(prompt, str):
        return len(prompt)
    return len(prompt.last) + sum(map(len, prompt.earlier))


def earlier_weight(turn: str) -> float:
    """How much of a turn's score is that of what came before, in [0, FOLLOW_UP]."""
    text = turn.strip()
    if len(text) > _FOLLOW_UP_CHARACTERS:
        return 0.0
    words = words_of(text)
    if _closes(text, words):
        return 0.0
    if _follows(text, words):
        return FOLLOW_UP
    return SHORT if len(text) <= _SHORT_CHARACTERS and "?" not in text else 0.0


def antecedent(earlier: Sequence[str]) -> str:
    """The earlier turn that a follow-up is about: the last that stands by itself."""
    recent = [turn for turn in earlier[-MOST_EARLIER:] if turn.strip()]
    for turn in reversed(recent):
        if earlier_weight(turn) == 0 and not _closes(turn, words_of(turn[:_FOLLOW_UP_CHARACTERS])):
            return turn
    return max(recent, key=len, default="")


def _follows(text: str, words: Sequence[str]) -> bool:
    if WIDE.search(text):
        return len(text) <= _SHORT_CHARACTERS and any(part in text for part in _WIDE_FOLLOWING)
    if words and words[0] in _FOLLOWING and len(words) <= _STARTING_WORDS:
        return True
    return len(words) <= _POINTING_WORDS and not _POINTING_BACK.isdisjoint(words)


def _closes(text: str, words: Sequence[str]) -> bool:
    if len(words) > _CLOSING_WORDS or "?" in text:
        return False
    if WIDE.search(text):
        return len(text) <= _SHORT_CHARACTERS and any(part in text for part in _WIDE_COURTESY)
    accepts = bool(words) and words[0] in _ACCEPTING
    return not (accepts or _COURTESY.isdisjoint(words)) and _CLOSING.issuperset(words)
