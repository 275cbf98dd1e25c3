"""The wording of a prompt: what two prompts must share before one's answer may be the other's.

An embedding tells what prompts are about and hardly feels a `not`, a number or two names that have
changed places. So wordings are compared word by word, in order, and what is taken for the same is
named here: a word's first capital, spacing within a line, punctuation at words' edges, courtesies
around the prompt, the article `the` and contractions of `not` and `is`. Everything else (negations,
numbers, units, names, prepositions, the order of words) makes another wording. Being equal is being
the same, so prompts fall into classes and a class can be a key. Pure.
"""

import re
import unicodedata
from typing import Final

Wording = tuple[str, ...]

LINE: Final = "\n"  # between lines; behind it how far the next is indented

_EDGES: Final = ".,;:?\"'“”…«»"
_WORD: Final = re.compile(r"\S+")
_APOSTROPHES: Final = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc", "'"))
_ENDS: Final = {"can't": "cannot", "won't": "will not", "shan't": "shall not"}
_IS: Final = frozenset({"what's", "who's", "where's", "when's", "how's", "why's", "that's", "it's"})
_REQUEST_VERBS: Final = frozenset(
    {
        *("tell", "explain", "describe", "give", "show", "list", "write", "translate", "help"),
        *("summarize", "summarise", "find", "name", "define", "compare", "calculate", "compute"),
        *("solve", "convert", "create", "generate", "provide", "suggest"),
    }
)
_QUESTIONS: Final = frozenset(
    {"what", "who", "whom", "whose", "which", "when", "where", "why", "how", "if", "whether"}
)
_MODALS: Final = frozenset({"can", "could", "would", "will"})
_OPENING: Final = re.compile(
    r"\s*(?:(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)?\s*[,!.]+"
    r"|(?:please|kindly)\b,?)(?=\s+\S)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"(?<=[,.!?;\n])\s*(?:please|(?:many )?thanks|thank you)"
    r"(?: very much| so much| a lot| in advance)?\s*[.!]*\s*\Z",
    re.IGNORECASE,
)
_SHORT_WORDS: Final = frozenset(
    {
        *("a", "i", "am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is"),
        *("it", "me", "my", "no", "of", "on", "or", "so", "to", "up", "we"),
    }
)
_LONGEST_CLOSING: Final = 64  # characters; it is looked for no further from the end
_SHORTEST: Final = 2  # letters of a word whose `!` says nothing, and whose capital may be a unit's


def wording(text: str) -> Wording:
    """The words of `text` that count, in order, each as it counts."""
    normal = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    plain = _without_courtesy(normal)
    shouted = not any(letter.islower() for letter in plain)
    words: list[str] = []
    for number, line in enumerate(_lines(plain)):
        if number:
            words.append(LINE + " " * (len(line) - len(line.lstrip())))
        for found in _WORD.finditer(line):
            words.extend(_counting(found[0], shouted=shouted))
    return tuple(_without_frame(words))


def _lines(text: str) -> list[str]:
    """The lines that are not empty, tabs as they would be printed."""
    return [line.expandtabs().rstrip() for line in text.splitlines() if line.strip()]


def _counting(word: str, *, shouted: bool) -> tuple[str, ...]:
    bare = _bare(word)
    if not bare:
        return () if all(letter in _EDGES for letter in word) else (word,)
    if not shouted and _case_counts(bare):
        return (bare,)
    low = bare.lower()  # not folded: `Maßen` is not `Massen`
    if low == "the":
        return ()
    return tuple(_expanded(low).split(" "))


def _bare(word: str) -> str:
    bare = word.strip(_EDGES)
    shorter = bare.rstrip("!")
    if shorter != bare and len(shorter) >= _SHORTEST and shorter.isalpha():
        return shorter  # but `n!` and `5!` are factorials
    return bare


def _case_counts(word: str) -> bool:
    """Whether its capitals say more than that a name, a title or a sentence begins.

    They do in `US`, `mW`, `Mg`, `X` and in what is not written in letters alone.
    """
    if word.islower():
        return False
    parts = re.split("[-']", word)
    if not all(part.isalpha() for part in parts):
        return True
    if len(word) <= _SHORTEST:
        return word.lower() not in _SHORT_WORDS
    return not all(part.islower() or part.istitle() for part in parts)


def _expanded(word: str) -> str:
    if word in _ENDS:
        return _ENDS[word]
    if word.endswith("n't"):
        return word.removesuffix("n't") + " not"
    return word.removesuffix("'s") + " is" if word in _IS else word


def _without_courtesy(text: str) -> str:
    """Greetings, `please` and thanks stand around a prompt and are not of it."""
    while (found := _OPENING.match(text)) is not None:
        text = text[found.end() :]
    while (closing := _CLOSING.search(text, max(len(text) - _LONGEST_CLOSING, 0))) is not None:
        text = text[: closing.start()]
    return text


def _without_frame(words: list[str]) -> list[str]:
    """`could you explain ...` is `explain ...`, `tell me what ...` is `what ...`."""
    if words[1:2] == ["you"] and words[0] in _MODALS:
        rest = words[3:] if words[2:3] == ["please"] else words[2:]
        if rest and rest[0] in _REQUEST_VERBS:
            words = rest
    if words[:2] == ["tell", "me"] and words[2:3] and words[2] in _QUESTIONS:
        return words[2:]
    return words
