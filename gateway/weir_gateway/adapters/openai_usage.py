"""What OpenAI's wire says of tokens, and whether a stream came to its end.

A stream's bytes are not parsed on their way: only its last few kilobytes are kept, and read once
it has ended. Must not know sockets.
"""

from collections import deque
from typing import Final

import msgspec

from weir_gateway.domain.money import Usage

TAIL: Final = 16 * 1024  # bytes kept of a stream: usage stands in one of its last events
MOST_TOKENS: Final = 10**9  # one answer may tell of; past that a provider's number is nonsense
_DONE: Final = b"[DONE]"


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    choices: list[_Choice] | None = None


_DECODER = msgspec.json.Decoder(_Answer)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it tells none."""
    answer = _decode(body)
    return _usage(answer) if answer is not None else None


class StreamTail:
    """The end of a stream, as it passes."""

    __slots__ = ("_chunks", "_size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Keep `chunk`, and let go of what is no longer near the end."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) > TAIL:
            self._size -= len(self._chunks.popleft())

    @property
    def done(self) -> bool:
        """Whether the last thing it said is `[DONE]`: nothing more can be missing."""
        last = b"".join(self._chunks).rstrip().rpartition(b"\n")[2]
        return last.startswith(b"data:") and last.removeprefix(b"data:").strip() == _DONE

    def read(self) -> tuple[Usage | None, bool]:
        """Usage, and whether the stream said that it is complete."""
        usage: Usage | None = None
        complete = False
        for line in b"".join(self._chunks).splitlines():
            data = line.removeprefix(b"data:").strip()
            if data == _DONE:
                complete = True
            elif line.startswith(b"data:") and (answer := _decode(data)) is not None:
                usage = _usage(answer) or usage
                complete = complete or any(c.finish_reason for c in answer.choices or ())
        return usage, complete


def _decode(data: bytes) -> _Answer | None:
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _usage(answer: _Answer) -> Usage | None:
    told = answer.usage
    if told is None:
        return None
    details = told.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details is not None else 0
    read = _tokens(told.prompt_tokens)
    return Usage(
        input=read,
        output=_tokens(told.completion_tokens or 0),
        cached_input=min(_tokens(cached), read),
    )


def _tokens(told: int) -> int:
    return min(max(told, 0), MOST_TOKENS)
