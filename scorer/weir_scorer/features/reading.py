"""What is read of a text: cleaned, cut to its head and tail, and the part that asks. Pure.

The budgets stand here, for all blocks. In mails, code and retrieved passages the question stands
last, or first; so both ends are read, and the part that says what is wanted apart from the rest.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from weir_scorer.features.ask import find_ask
from weir_scorer.features.repetition import collapse
from weir_scorer.features.text import normalise

VERSIONS = (1, 2)  # of reading; 1: the head alone, as it came
END = 400  # characters at either end that the lexical and rarity columns read
RAW_END = 1000  # characters at either end before collapsing, which may leave less
ENCODED = 400  # characters that an encoder reads at most; its tokens are cut again
_CONTEXT = 120  # of these, for what stands beside the ask


@dataclass(frozen=True, slots=True)
class Reading:
    """What the blocks read of a text."""

    text: str  # cleaned; of a long text both ends
    ask: str  # the part of it that says what is wanted; all of a short text
    encoded: str  # what encoders read: the ask, then the start of the rest
    chars: int  # of the whole text; an estimate where the middle wasn't read


def reader(version: int, max_chars: int) -> Callable[[str], Reading]:
    """The function that reads as `version` does; `max_chars` is the cap of version 1."""
    return read if version != 1 else partial(read_head, max_chars=max_chars)


def read(text: str) -> Reading:
    """Read both ends of `text`, whatever is in it."""
    clean, chars = _clean(text)
    ask = find_ask(clean)
    return Reading(_ends(clean, END), ask, _encoded(clean, ask), chars)


def read_head(text: str, max_chars: int) -> Reading:
    """Read as version 1 did: the first `max_chars` characters, which are all there is."""
    head = normalise(text, max_chars)
    return Reading(head, head, head, len(head))


def _clean(text: str) -> tuple[str, int]:
    """The collapsed ends, and how long the whole text would be when collapsed."""
    skipped = len(text) - 2 * RAW_END
    raw = text if skipped <= 0 else f"{text[:RAW_END]}\n{text[-RAW_END:]}"
    clean = raw
    if not raw.isascii():
        clean = raw.encode("utf-8", "replace").decode("utf-8")
        clean = unicodedata.normalize("NFKC", clean)
    clean = collapse(clean)
    if skipped <= 0:
        return clean, len(clean)
    return clean, len(clean) + skipped * len(clean) // len(raw)


def _ends(text: str, end: int) -> str:
    return text if len(text) <= 2 * end + 1 else f"{text[:end].rstrip()}\n{text[-end:].lstrip()}"


def _encoded(text: str, ask: str) -> str:
    if len(text) <= ENCODED:
        return text
    room = (ENCODED - _CONTEXT) // 2
    rest = text[len(ask) :].lstrip() if text.startswith(ask) else text
    return f"{_ends(ask, room)}\n{rest[:_CONTEXT]}"
