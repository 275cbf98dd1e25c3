"""A stream that isn't parsed as it passes: its beginning and end are stored and read last.

Of what lies between, blocks are sampled, so that what a model wrote can be estimated where no
provider counts it.
"""

import contextlib
from collections import deque
from collections.abc import Iterable
from typing import Final

from weir_wires.content import AnswerContent
from weir_wires.event import Event, EventReader, EventTooLarge
from weir_wires.spec import StreamReader, WireSpec
from weir_wires.token_estimate import estimate_tokens

HEAD: Final = 4 * 1024  # bytes: the first event may tell what was read
TAIL: Final = 16 * 1024  # bytes: usage stands in one of the last events
MAX_TAIL: Final = 16 << 20  # bytes of a last event that is larger than the tail
BLOCK: Final = 4 * 1024  # bytes of a sampled block
MAX_BLOCKS: Final = 8  # of one stream; with more of them, every other one is dropped
_MARK_SPAN: Final = 64  # bytes in which a mark that is cut in two is looked for
_FIELDS: Final = (b"data:", b"event:", b"id:")  # begin an event
_BETWEEN: Final = b"\n\n"  # ends what was cut, which then counts for nothing


class StreamEnds:
    """The beginning and the end of one stream, as it passes, and a sample of its middle."""

    __slots__ = (
        *("_chunks", "_head", "_head_size", "_marks", "_max_tail", "_middle", "_size"),
        "_wire",
    )

    def __init__(self, wire: WireSpec) -> None:
        self._wire = wire
        self._marks = wire.large_events
        self._head: list[bytes] = []
        self._head_size = 0  # bytes of the head
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._max_tail = TAIL
        self._middle: BlockSample | None = None  # of what was dropped; None: nothing was

    def feed(self, chunk: bytes) -> None:
        """Store `chunk`, and drop what is neither near the beginning nor near the end."""
        if self._head_size < HEAD:
            self._head.append(chunk)
            self._head_size += len(chunk)
            return
        chunks = self._chunks
        chunks.append(chunk)
        self._size += len(chunk)
        if self._marks and self._max_tail == TAIL and self._marked():
            self._max_tail = MAX_TAIL
        while self._size - len(chunks[0]) > self._max_tail:
            oldest = chunks.popleft()
            self._size -= len(oldest)
            if self._middle is None:
                self._middle = BlockSample()
            self._middle.add(oldest)

    @property
    def last(self) -> bytes:
        """The chunk that came last."""
        return self._chunks[-1] if self._chunks else (self._head[-1] if self._head else b"")

    def read(self) -> StreamReader:
        """Read the stored events; one that was cut counts for nothing."""
        reader = self._wire.reader()
        between = [_BETWEEN] if self._middle is not None else []
        for event in _events([*self._head, *between, *self._chunks]):
            reader.feed(event)
        return reader

    def written(self) -> int:
        """Tokens of what the model has written so far, estimated by its characters.

        Of a long stream it is extrapolated from the sample, by bytes.
        """
        middle = self._middle
        if middle is None or middle.complete:
            between = middle.rest if middle is not None else []
            return self._tokens([*self._head, *between, *self._chunks])
        sample = [_whole_events(block) for block in middle.blocks]
        per_byte = self._tokens(sample) / max(sum(map(len, sample)), 1)
        ends = [*self._head, _BETWEEN, *middle.open, *self._chunks]
        return self._tokens(ends) + round(per_byte * middle.size)

    def _tokens(self, chunks: Iterable[bytes]) -> int:
        return estimate_tokens(written_in(self._wire, _events(chunks)))

    def _marked(self) -> bool:
        chunk = self._chunks[-1]
        if len(self._chunks) > 1:
            chunk = self._chunks[-2][-_MARK_SPAN:] + chunk
        return any(mark in chunk for mark in self._marks)


class BlockSample:
    """Every n-th block of what passes; `n` doubles whenever there are too many blocks."""

    __slots__ = ("_count", "_every", "_open_size", "blocks", "open", "size")

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.size = 0  # bytes of all blocks, the dropped ones among them
        self.open: list[bytes] = []  # chunks of the block that is not full yet
        self._open_size = 0
        self._count = 0  # blocks so far
        self._every = 1

    def add(self, chunk: bytes) -> None:
        self.open.append(chunk)
        self._open_size += len(chunk)
        if self._open_size >= BLOCK:
            self._close()

    @property
    def complete(self) -> bool:
        """Whether no block was dropped."""
        return self._every == 1

    @property
    def rest(self) -> list[bytes]:
        """All of it, where it is complete."""
        return [*self.blocks, *self.open]

    def _close(self) -> None:
        if self._count % self._every == 0:
            self.blocks.append(b"".join(self.open))
        if len(self.blocks) > MAX_BLOCKS:
            self.blocks = self.blocks[::2]
            self._every *= 2
        self._count += 1
        self.size += self._open_size
        self.open, self._open_size = [], 0


def written_in(wire: WireSpec, events: Iterable[Event]) -> str:
    """All that the model wrote in `events`: text, thinking, calls with their arguments."""
    if wire.written is not None:
        return "".join(wire.written(event.data) for event in events)
    answer = wire.answer.stream(list(events)) if wire.answer is not None else None
    return "" if answer is None else _text_of(answer)


def tokens_written(wire: WireSpec, body: bytes) -> int:
    """Tokens of a whole answer, estimated by its characters; 0 where it can't be read."""
    if wire.written is not None:
        return estimate_tokens(wire.written(body))
    answer = wire.answer.whole(body) if wire.answer is not None else None
    return 0 if answer is None else estimate_tokens(_text_of(answer))


def _text_of(answer: AnswerContent) -> str:
    return answer.text + "".join(call.name + call.arguments for call in answer.calls)


def _events(chunks: Iterable[bytes]) -> list[Event]:
    reader = EventReader()
    # A larger event than any last one: its usage stays unknown.
    with contextlib.suppress(EventTooLarge):
        return reader.feed(b"".join(chunks)) + reader.rest()
    return []


def _whole_events(block: bytes) -> bytes:
    """A block from its first event's beginning to its last event's end."""
    data = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block
    start = 0 if data.startswith(_FIELDS) else data.find(_BETWEEN) + 2
    return data[start : data.rfind(_BETWEEN) + 2]
