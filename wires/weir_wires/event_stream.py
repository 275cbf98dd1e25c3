"""AWS event streams (`application/vnd.amazon.eventstream`), read as they come in pieces.

A message is a prelude (its length, its headers' length, their CRC), headers, a payload, and the CRC
of it all. Reading takes pieces cut at any byte and checks both CRCs. Must not know what the events
mean.
"""

import json
import struct
import zlib
from typing import Final

from weir_wires.error_reading import with_code
from weir_wires.errors import MalformedResponse
from weir_wires.event import MAX_EVENT, Event, EventTooLarge

MEDIA_TYPE: Final = "application/vnd.amazon.eventstream"
# Begins the name of an event that reports a failure in place of the answer's next part.
EXCEPTION: Final = "exception."

_PRELUDE: Final = struct.Struct("!III")  # total length, headers' length, CRC of these two
_CRC: Final = struct.Struct("!I")
_CHECKED: Final = _PRELUDE.size - _CRC.size  # bytes that the prelude's CRC covers
_MIN_MESSAGE: Final = _PRELUDE.size + _CRC.size
_MAX_HEADERS: Final = 128 * 1024  # bytes, as AWS bounds them
_LENGTH: Final = struct.Struct("!H")
# Header values by type: the bytes they take; None: a length comes first.
_SIZES: Final[tuple[int | None, ...]] = (0, 0, 1, 2, 4, 8, None, None, 8, 16)
_TEXT: Final = 7


class EventStreamReader:
    """Reads one stream of messages, in time that grows with its length alone."""

    __slots__ = ("_needed", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # pieces of the message that is not whole yet
        self._size = 0  # bytes of these
        self._needed = _PRELUDE.size  # bytes until there is something to read

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole now that `chunk` is there.

        Raises MalformedResponse for what is no such message, and EventTooLarge.
        """
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size < self._needed:
            return []
        data = memoryview(b"".join(self._pieces))
        events: list[Event] = []
        at = 0
        while self._has(data, at):
            length = self._needed
            events.append(_event(data[at : at + length]))
            at += length
        rest = bytes(data[at:])
        self._pieces, self._size = [rest], len(rest)
        return events

    def rest(self) -> list[Event]:
        """Nothing. Raises MalformedResponse where the stream was cut within a message."""
        if self._size:
            raise MalformedResponse("the stream ended within a message")
        return []

    def _has(self, data: memoryview, at: int) -> bool:
        """Whether a whole message is at `at`; sets the bytes that are needed from there on."""
        left = len(data) - at
        self._needed = _PRELUDE.size
        if left < self._needed:
            return False
        self._needed = _message_length(data[at : at + _PRELUDE.size])
        return left >= self._needed


def _message_length(prelude: memoryview) -> int:
    total, headers, crc = _PRELUDE.unpack(prelude)
    if zlib.crc32(prelude[:_CHECKED]) != crc:
        raise MalformedResponse("a message's prelude has a wrong checksum")
    if headers > _MAX_HEADERS or total < _MIN_MESSAGE + headers:
        raise MalformedResponse("a message's lengths contradict one another")
    if total > MAX_EVENT:
        raise EventTooLarge(f"one message is over {MAX_EVENT} bytes")
    return int(total)


def _event(message: memoryview) -> Event:
    (crc,) = _CRC.unpack(message[-_CRC.size :])
    if zlib.crc32(message[: -_CRC.size]) != crc:
        raise MalformedResponse("a message has a wrong checksum")
    _, length, _ = _PRELUDE.unpack(message[: _PRELUDE.size])
    end = _PRELUDE.size + length
    headers = _headers(bytes(message[_PRELUDE.size : end]))
    payload = bytes(message[end : -_CRC.size])
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        name = headers.get(":exception-type", "")
        return Event(EXCEPTION + name, with_code(payload, name))
    if kind == "error":
        name = headers.get(":error-code", "")
        text = json.dumps({"message": headers.get(":error-message", "")}).encode()
        return Event(EXCEPTION + name, with_code(text, name))
    return Event(headers.get(":event-type", ""), payload)


def _headers(data: bytes) -> dict[str, str]:
    """The headers whose values are text; others are skipped."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode()
            kind = data[name_end]
            at = name_end + 1
            size = _SIZES[kind]
            if size is None:
                (size,) = _LENGTH.unpack_from(data, at)
                at += _LENGTH.size
            if kind == _TEXT:
                headers[name] = data[at : at + size].decode()
            at += size
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedResponse("a message's headers can't be read") from error
    if at != len(data):
        raise MalformedResponse("a message's headers end within a value")
    return headers


def write(payload: bytes, name: str) -> bytes:
    """One event's message, with JSON as its payload."""
    headers = {":message-type": "event", ":event-type": name, ":content-type": "application/json"}
    return _message(headers, payload)


def write_exception(payload: bytes, name: str) -> bytes:
    """One exception's message, with JSON as its payload."""
    headers = {":message-type": "exception", ":exception-type": name}
    return _message({**headers, ":content-type": "application/json"}, payload)


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    written = b"".join(_header(name, value) for name, value in headers.items())
    lengths = struct.pack("!II", _MIN_MESSAGE + len(written) + len(payload), len(written))
    head = lengths + _CRC.pack(zlib.crc32(lengths)) + written + payload
    return head + _CRC.pack(zlib.crc32(head))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return bytes((len(name),)) + name.encode() + bytes((_TEXT,)) + _LENGTH.pack(len(text)) + text
