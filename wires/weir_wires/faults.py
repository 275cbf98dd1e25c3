"""Tells an error, or nothing at all, from an answer: some servers send both with status 200."""

from typing import Any, Final

import msgspec

from weir_wires.event import Event
from weir_wires.event_stream import EXCEPTION
from weir_wires.provider_json import decode_event

_TYPES: Final = frozenset({"error", "response.failed"})
_HINTS: Final = (b'"error', b"failed", b'"errors"', b'"detail"')
_DONE: Final = b"[DONE]"


class _Object(msgspec.Struct):
    type: Any = None
    status: Any = None
    error: Any = None
    errors: Any = None
    detail: Any = None
    choices: Any = None
    content: Any = None
    output: Any = None
    candidates: Any = None


class _Tokens(msgspec.Struct):
    output_tokens: Any = None


class _Outline(msgspec.Struct):
    """A whole answer whose content is not read."""

    choices: msgspec.Raw = msgspec.Raw(b"")
    content: msgspec.Raw = msgspec.Raw(b"")
    output: msgspec.Raw = msgspec.Raw(b"")
    status: Any = None
    usage: _Tokens | None = None


_NOTHING: Final = frozenset({b"[]", b"null"})  # a field that isn't there may have another form
_COMPLETE: Final = frozenset({None, "completed"})
_OUTLINE: Final = msgspec.json.Decoder(_Outline)
_OBJECT: Final = msgspec.json.Decoder(_Object)
_LIST: Final = msgspec.json.Decoder(list[_Object])


def tells_error(data: bytes) -> bool:
    """Whether a whole answer, or an event's data, is an error in its place.

    An `error` that is null or empty is none; nor is one beside an answer.
    """
    if not any(hint in data for hint in _HINTS):
        return False
    found = decode_event(_OBJECT, data)
    if found is None:
        several = decode_event(_LIST, data)
        found = several[0] if several else None
    if found is None:
        return False
    if found.type in _TYPES or found.status == "failed":
        return True
    if found.choices or found.content or found.output or found.candidates:
        return False
    return bool(found.error or found.errors or found.detail)


def event_tells_error(event: Event) -> bool:
    """Whether an event says that the request failed."""
    if event.name == "error" or event.name.startswith(EXCEPTION):
        return True
    return tells_error(event.data)


def is_end(event: Event) -> bool:
    """Whether an event ends a stream; as the first one it says that there is no answer."""
    return event.data.strip() == _DONE


def has_no_choice(body: bytes) -> bool:
    """Whether a whole answer of OpenAI's chat or completions has no choice."""
    found = decode_event(_OUTLINE, body)
    return found is not None and _is_empty(found.choices)


def has_no_content(body: bytes) -> bool:
    """Whether one of Anthropic's messages has no content, and no token was written.

    A model may well stop or refuse without a word; then it has written the token that says so.
    """
    found = decode_event(_OUTLINE, body)
    if found is None or not _is_empty(found.content):
        return False
    return found.usage is None or not found.usage.output_tokens


def has_no_output(body: bytes) -> bool:
    """Whether one of OpenAI's responses is complete and has no output."""
    found = decode_event(_OUTLINE, body)
    return found is not None and _is_empty(found.output) and found.status in _COMPLETE


def _is_empty(value: msgspec.Raw) -> bool:
    return bytes(value).translate(None, b" \n\r\t") in _NOTHING
