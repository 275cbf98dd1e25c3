"""Usage in OpenAI's streams: asked for in each request, hidden from clients that didn't ask.

A provider sends it in one more event, whose `choices` are empty, and only where
`stream_options.include_usage` says so.
"""

import re
from typing import Any, Final

import msgspec

FIELD: Final = "stream_options"
FLAG: Final = "include_usage"
_OPTIONS: Final = b'{"include_usage":true}'

# Possessive: a plain repeat stores a backtracking point per character, a gigabyte for 8 MB.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(_STRING + rb'|[{}\[\]:,]|[^\s"{}\[\]:,]++')
# A key may be spelled with escapes: any that could stand for one of its characters.
_ESCAPED: Final = re.compile(rb"\\u00[5-7][0-9a-fA-F]")
_ESCAPE: Final = re.compile(rb"\\u00([0-9a-fA-F]{2})")
_USAGE: Final = re.compile(rb'"usage"\s*+:\s*+\{')
_WITH_CHOICES: Final = re.compile(rb'"choices"\s*+:\s*+\[\s*+\{')
_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA: Final = re.compile(rb"(?:^|[\r\n])data:[ ]?([^\r\n]*)")

Span = tuple[int, int]


class _Chunk(msgspec.Struct):
    choices: list[Any] | None = None
    error: Any = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


def asks_for_usage(options: object) -> bool:
    """Whether a request's `stream_options` ask for the event with the usage."""
    return isinstance(options, dict) and options.get(FLAG) is True  # pyright: ignore[reportUnknownMemberType] - JSON of any shape


def ask_for_usage(body: bytes) -> bytes:
    """`body`, a valid JSON object, with `include_usage` true and not one other byte changed.

    What is added comes last, so that the beginning stays what a provider may have cached.
    """
    spans = _spans(body, FIELD.encode()) if _may_have_field(body) else []
    for start, end in reversed(spans):
        body = body[:start] + _with_flag(body[start:end]) + body[end:]
    return body if spans else _with_last(body, b'"stream_options":' + _OPTIONS)


def without_stream_options(body: bytes) -> bytes:
    """`body` without `stream_options`, for a server that refuses them."""
    spans = _spans(body, FIELD.encode(), with_key=True) if _may_have_field(body) else []
    for start, end in reversed(spans):
        before, after = body[:start].rstrip(), body[end:].lstrip()
        if after.startswith(b","):
            after = after[1:]
        elif before.endswith(b","):
            before = before[:-1]
        body = before + after
    return body


def without_usage_events(events: bytes) -> bytes:
    """Whole events of a stream without those that tell the usage and nothing else.

    Cheap where there are none: events are not decoded unless one has a usage and no choice.
    """
    if _USAGE.search(events) is None:
        return events
    left: list[bytes] = []
    at = 0
    for match in _EVENT_END.finditer(events):
        event = events[at : match.end()]
        at = match.end()
        if not _only_usage(event):
            left.append(event)
    rest = events[at:]
    return b"".join(left) + (b"" if _only_usage(rest) else rest)


def _only_usage(event: bytes) -> bool:
    if _USAGE.search(event) is None or _WITH_CHOICES.search(event) is not None:
        return False
    try:
        chunk = _CHUNK.decode(b"\n".join(_DATA.findall(event)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not chunk.choices and chunk.error is None


def _may_have_field(body: bytes) -> bool:
    return b'"stream_options"' in body or _ESCAPED.search(body) is not None


def _with_flag(options: bytes) -> bytes:
    """The value of `stream_options` with the flag set; one that is no object is replaced."""
    if not options.startswith(b"{"):
        return _OPTIONS
    flags = _spans(options, FLAG.encode())
    for start, end in reversed(flags):
        options = options[:start] + b"true" + options[end:]
    return options if flags else _with_last(options, b'"include_usage":true')


def _with_last(value: bytes, field: bytes) -> bytes:
    """The JSON object `value` with one more field at its end."""
    end = value.rindex(b"}")
    inside = value[:end].rstrip()
    comma = b"" if inside.endswith(b"{") else b","
    return value[:end] + comma + field + value[end:]


def _spans(value: bytes, name: bytes, *, with_key: bool = False) -> list[Span]:
    """Where the top-level field `name` of a JSON object stands: its values, or with their keys."""
    depth, key, begins = 0, b"", -1
    key_at, expect_key, spans = 0, False, list[Span]()
    for match in _TOKEN.finditer(value):
        token = match[0]
        closes = token in b"}]"
        depth -= closes
        if depth == 1 and begins < 0 and not closes and token not in b":,":
            if expect_key:
                key, key_at, expect_key = _unescaped(token[1:-1]), match.start(), False
            elif key == name:
                begins = match.start()
        if depth == 1 and begins >= 0 and token not in b"{[":
            spans.append((key_at if with_key else begins, match.end()))
            begins, key = -1, b""
        depth += token in b"{["
        expect_key = expect_key or (depth == 1 and token in (b"{", b","))
    return spans


def _unescaped(key: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), key)
