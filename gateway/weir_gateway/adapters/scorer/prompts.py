"""What of a conversation goes to the scorer: the last turn and a few before it, both ends of each.

The bound is many times what any router reads, and the first half of it is what routers that read
the head alone take.
"""

from hashlib import blake2b
from typing import NamedTuple

from weir_gateway.routing.ports import ScoreQuery

END_CHARS = 8_192  # at either end of a text
EARLIER_TURNS = 4  # as many as a scorer looks at
EARLIER_END_CHARS = 1_200  # at either end of an earlier turn, which is only read for follow-ups
HASH_BYTES = 16  # collisions are less likely than disk errors


class Prompt(NamedTuple):
    """A text to score, and the user's turns before it; equal ones share a place in a call."""

    text: str
    earlier: tuple[str, ...] = ()  # oldest first

    @property
    def chars(self) -> int:
        """Characters that go over the wire."""
        return len(self.text) + sum(map(len, self.earlier))


def prompt_of(query: ScoreQuery) -> Prompt:
    """The query's prompt, bounded, without lone surrogates, which protobuf refuses."""
    if not query.earlier:
        return Prompt(_sendable(query.text, END_CHARS))
    earlier = query.earlier[-EARLIER_TURNS:]
    return Prompt(
        _sendable(query.text, END_CHARS),
        tuple(_sendable(turn, EARLIER_END_CHARS) for turn in earlier),
    )


def digest(query: ScoreQuery) -> bytes:
    """A hash of what is read of the query's texts."""
    prompt = prompt_of(query)
    state = blake2b(digest_size=HASH_BYTES)
    state.update(b"%d;" % len(prompt.earlier))
    for text in prompt.earlier:
        state.update(b"%d:" % len(text) + text.encode())
    state.update(prompt.text.encode())
    return state.digest()


def both_ends(text: str, end: int) -> str:
    """The first and last `end` characters of a longer text, with a line break between them."""
    return text if len(text) <= 2 * end + 1 else f"{text[:end]}\n{text[-end:]}"


def _sendable(text: str, end: int) -> str:
    text = both_ends(text, end)
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
