"""A batch's file, line by line: pure, in bounded memory, with errors as OpenAI tells them.

Must not know what an item's body means; that is its wire's parser's business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from weir_gateway.domain.batch import MOST_ITEMS, LineError

MAX_ID_CHARS: Final = 512  # characters of a custom_id
MAX_ERRORS: Final = 100  # that are told of one file
_BLANK: Final = re.compile(rb"[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch and where its body lies."""

    line: int  # from 1
    custom_id: str
    start: int  # of the line in the file, bytes
    size: int  # of the line, without its end


@dataclass(frozen=True, slots=True)
class Line:
    """One line and where it lies; `text` is None where it is longer than it may be."""

    number: int  # from 1
    start: int
    text: bytes | None


class _RequestLine(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


_DECODER: Final = msgspec.json.Decoder(_RequestLine)


class LineReader:
    """Cuts what is fed into lines; keeps no more than one line of at most `longest` bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._longest = max_bytes
        self._pieces: list[bytes] = []
        self._size = 0  # of the line so far
        self._start = 0
        self._number = 1

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that `data` completes."""
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            self._append(data[at:end])
            yield self._line(1)
            at = end + 1
        self._append(data[at:])

    def end(self) -> Iterator[Line]:
        """The last line, where the file does not end with a newline."""
        if self._size:
            yield self._line(0)

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._pieces.clear()
        elif part:
            self._pieces.append(part)

    def _line(self, newline: int) -> Line:
        text = b"".join(self._pieces) if self._size <= self._longest else None
        line = Line(self._number, self._start, text)
        self._start += self._size + newline
        self._number += 1
        self._size = 0
        self._pieces.clear()
        return line


class LineChecker:
    """Holds a file's lines to what a batch for `endpoint` may be."""

    def __init__(self, endpoint: str, longest: int) -> None:
        self._endpoint = endpoint
        self._longest = longest
        self._seen: set[str] = set()
        self.errors: list[LineError] = []
        self.items = 0

    @property
    def gave_up(self) -> bool:
        """Whether reading on tells nothing new."""
        return len(self.errors) >= MAX_ERRORS or self.items > MOST_ITEMS

    def check(self, line: Line) -> Item | None:
        """The line's item; None where it is blank or wrong, which is noted."""
        text = line.text
        if text is not None and _BLANK.fullmatch(text):
            return None
        self.items += 1
        if self.items > MOST_ITEMS:
            self._add_error("too_many_requests", f"a batch may have {MOST_ITEMS} requests", line)
            return None
        if text is None:
            message = f"the line is longer than {self._longest} bytes, the most a request may have"
            self._add_error("line_too_long", message, line)
            return None
        said = self._decode(text, line)
        if said is None or not self._is_valid(said, line):
            return None
        return Item(line.number, said.custom_id, line.start, len(text))

    def finish(self) -> None:
        """Say what only the whole file shows."""
        if not self.items and not self.errors:
            self.errors.append(LineError("empty_file", "the file has no requests", param="file"))

    def _decode(self, text: bytes, line: Line) -> _RequestLine | None:
        try:
            return _DECODER.decode(text)
        except msgspec.ValidationError as error:
            field = _field(str(error))
            code = "invalid_type" if field is None else "missing_required_parameter"
            self._add_error(code, _plain(str(error)), line, field)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._add_error("invalid_json_line", "the line is not a JSON object", line)
        return None

    def _is_valid(self, said: _RequestLine, line: Line) -> bool:
        if said.method != "POST":
            message = f"the method must be POST, not {said.method[:20]!r}"
            return self._add_error("invalid_method", message, line, "method")
        if said.url != self._endpoint:
            message = f"the url must be the batch's endpoint {self._endpoint}"
            return self._add_error("mismatched_endpoint", message, line, "url")
        if not said.custom_id or len(said.custom_id) > MAX_ID_CHARS:
            message = f"custom_id must have 1 to {MAX_ID_CHARS} characters"
            return self._add_error("invalid_custom_id", message, line, "custom_id")
        if said.custom_id in self._seen:
            message = "another line of the file has this custom_id"
            return self._add_error("duplicate_custom_id", message, line, "custom_id")
        if not bytes(said.body).startswith(b"{"):
            return self._add_error("invalid_type", "body must be an object", line, "body")
        self._seen.add(said.custom_id)
        return True

    def _add_error(self, code: str, message: str, line: Line, param: str | None = None) -> bool:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(LineError(code, message, line.number, param))
        return False


def body_of(line: bytes) -> bytes:
    """An item's body, from a line that was checked, byte for byte."""
    return bytes(_DECODER.decode(line).body)


def _field(message: str) -> str | None:
    """The field that a line lacks, in msgspec's words."""
    found = re.match(r"Object missing required field `(\w+)`", message)
    return found[1] if found else None


def _plain(message: str) -> str:
    field = _field(message)
    return (
        f"{field} is missing" if field else message.replace("`$.", "`").replace("`$`", "the line")
    )
