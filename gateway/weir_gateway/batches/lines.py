"""Reads and checks a batch's input file line by line, in bounded memory. Pure.

Errors have the codes of OpenAI's. What an item's body means is checked later, by its wire's parser.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from weir_gateway.domain.batch import MAX_ITEMS, LineError

MAX_ID_CHARS: Final = 512  # of a custom_id
MAX_ERRORS: Final = 100  # reported for one file
_BLANK: Final = re.compile(rb"[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch, and where its line lies in the file."""

    line: int  # from 1
    custom_id: str
    start: int  # of the line in the file, bytes
    size: int  # of the line without its newline, bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line and where it starts; `text` is None where the line is too long."""

    number: int  # from 1
    start: int  # bytes
    text: bytes | None


class _RequestLine(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


_DECODER: Final = msgspec.json.Decoder(_RequestLine)


class LineReader:
    """Splits a stream into lines; holds at most one line of `max_bytes` in memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._size = 0  # of the line so far
        self._start = 0
        self._number = 1

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that `data` completes."""
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            self._append(data[at:end])
            yield self._line(1)
            at = end + 1
        self._append(data[at:])

    def end(self) -> Iterator[Line]:
        """Yield the last line, where the file does not end with a newline."""
        if self._size:
            yield self._line(0)

    def _append(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            self._pieces.clear()
        elif piece:
            self._pieces.append(piece)

    def _line(self, newline: int) -> Line:
        text = b"".join(self._pieces) if self._size <= self._max_bytes else None
        line = Line(self._number, self._start, text)
        self._start += self._size + newline
        self._number += 1
        self._size = 0
        self._pieces.clear()
        return line


class LineChecker:
    """Checks that the lines of a file are valid requests for `endpoint`."""

    def __init__(self, endpoint: str, max_bytes: int) -> None:
        self._endpoint = endpoint
        self._max_bytes = max_bytes
        self._ids: set[str] = set()
        self.errors: list[LineError] = []
        self.items = 0

    @property
    def gave_up(self) -> bool:
        """Whether there are too many errors or items to read on."""
        return len(self.errors) >= MAX_ERRORS or self.items > MAX_ITEMS

    def check(self, line: Line) -> Item | None:
        """Return the line's item; None where the line is blank or has an error, which is stored."""
        text = line.text
        if text is not None and _BLANK.fullmatch(text):
            return None
        self.items += 1
        if self.items > MAX_ITEMS:
            self._add_error("too_many_requests", f"a batch may have {MAX_ITEMS} requests", line)
            return None
        if text is None:
            message = f"the line is longer than the limit of {self._max_bytes} bytes"
            self._add_error("line_too_long", message, line)
            return None
        request = self._decode(text, line)
        if request is None or not self._is_valid(request, line):
            return None
        return Item(line.number, request.custom_id, line.start, len(text))

    def finish(self) -> None:
        """Add the errors that show only after the last line."""
        if not self.items and not self.errors:
            self.errors.append(LineError("empty_file", "the file has no requests", param="file"))

    def _decode(self, text: bytes, line: Line) -> _RequestLine | None:
        try:
            return _DECODER.decode(text)
        except msgspec.ValidationError as error:
            field = _missing_field(str(error))
            code = "invalid_type" if field is None else "missing_required_parameter"
            self._add_error(code, _plain_message(str(error)), line, field)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._add_error("invalid_json_line", "the line is not a JSON object", line)
        return None

    def _is_valid(self, request: _RequestLine, line: Line) -> bool:
        if request.method != "POST":
            message = f"the method must be POST, not {request.method[:20]!r}"
            return self._add_error("invalid_method", message, line, "method")
        if request.url != self._endpoint:
            message = f"the url must be the batch's endpoint {self._endpoint}"
            return self._add_error("mismatched_endpoint", message, line, "url")
        if not request.custom_id or len(request.custom_id) > MAX_ID_CHARS:
            message = f"custom_id must have 1 to {MAX_ID_CHARS} characters"
            return self._add_error("invalid_custom_id", message, line, "custom_id")
        if request.custom_id in self._ids:
            message = "another line of the file has this custom_id"
            return self._add_error("duplicate_custom_id", message, line, "custom_id")
        if not bytes(request.body).startswith(b"{"):
            return self._add_error("invalid_type", "body must be an object", line, "body")
        self._ids.add(request.custom_id)
        return True

    def _add_error(self, code: str, message: str, line: Line, param: str | None = None) -> bool:
        """Store the error unless there are too many; return False."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(LineError(code, message, line.number, param))
        return False


def body_of(line: bytes) -> bytes:
    """Return an item's body byte for byte, from a line that was checked."""
    return bytes(_DECODER.decode(line).body)


def _missing_field(message: str) -> str | None:
    """Return the field that msgspec's message says is missing, if any."""
    match = re.match(r"Object missing required field `(\w+)`", message)
    return match[1] if match else None


def _plain_message(message: str) -> str:
    field = _missing_field(message)
    if field:
        return f"{field} is missing"
    return message.replace("`$.", "`").replace("`$`", "the line")
