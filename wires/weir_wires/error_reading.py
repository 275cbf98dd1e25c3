"""Reads what a provider says went wrong, whatever envelope it chose.

Servers put the same words under `error`, `detail`, `message` or `errors`, as an object, a list, a
text, or JSON within a text. One walk finds them all. Only fields that hold a server's own words are
read: what it repeats of the request is the user's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

MAX_TEXT: Final = 2_000  # characters of one message; more repeats the request
MAX_DEPTH: Final = 8  # envelopes within envelopes
MAX_FIELDS: Final = 200  # that are looked at

_JSON: Final = msgspec.json.Decoder()
_TEXTS: Final = frozenset(
    {
        *("message", "msg", "detail", "details", "error", "errors", "raw", "title", "reason"),
        *("error_message", "error_msg", "errormessage", "error_description", "description"),
        "quotaid",
    }
)
_CODES: Final = frozenset(
    {
        *("code", "type", "status", "reason", "kind", "__type"),
        *("error_code", "errorcode", "error_type", "errortype"),
    }
)
_ENVELOPES: Final = frozenset(
    {
        *("error", "errors", "detail", "details", "message", "innererror", "inner_error"),
        *("metadata", "response", "raw", "body", "cause", "violations"),
    }
)
_NOT_IN_CODE: Final = re.compile(r"[^a-z0-9]")
_IN_NAMESPACE: Final = re.compile(r"^.*#|:.*$", re.DOTALL)  # `com.amazon...#Throttling:http://...`


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What a provider's error says, in the order it says it."""

    message: str  # the innermost `message`, which a proxy passes on; else the first text
    texts: tuple[str, ...]  # all that it says, the message among them
    codes: frozenset[str]  # lower case, letters and digits alone; see `plain_code`
    param: str = ""  # the path of the field at fault, where it is told


def read_error(body: bytes) -> ProviderError:
    """The error that `body` holds; plain text is its message."""
    try:
        value: Any = _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[: 4 * MAX_TEXT].decode("utf-8", "replace").strip()[:MAX_TEXT]
        return ProviderError(text, (text,) if text else (), frozenset())
    found = _Found()
    found.walk([value] if isinstance(value, str) else value)
    texts = tuple(found.texts)
    message = found.message or next(iter(texts), "")
    return ProviderError(message, texts, frozenset(found.codes), found.param)


def plain_code(code: str) -> str:
    """A code without what servers write differently: case, separators, namespace."""
    return _NOT_IN_CODE.sub("", _IN_NAMESPACE.sub("", code).lower())


def with_code(body: bytes, code: str) -> bytes:
    """An error with the code that stands beside it, in a header say; other bodies as they are."""
    if not code or not body.lstrip().startswith(b"{"):
        return body
    inner = body.lstrip()[1:]
    comma = b"" if inner.lstrip().startswith(b"}") else b","
    return b'{"__type":' + msgspec.json.encode(code) + comma + inner


class _Found:
    """What has been found so far."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}  # a set in order
        self.codes: set[str] = set()
        self.message = ""
        self.param = ""
        self._depth = -1  # of the message
        self._fields = MAX_FIELDS

    def walk(self, value: object, depth: int = 0) -> None:
        """Note every text and code; what lies deeper comes later."""
        inner: list[object] = []
        for name, field in _fields(value):
            self._fields -= 1
            if self._fields < 0:
                return
            self._note(name.lower(), field, depth)
            if name.lower() in _ENVELOPES:
                inner.append(_embedded(field))
        if depth < MAX_DEPTH:
            for envelope in inner:
                self.walk(envelope, depth + 1)

    def _note(self, name: str, field: object, depth: int) -> None:
        if name in _CODES and isinstance(field, str | int):
            self.codes.add(plain_code(str(field)[:MAX_TEXT]))
        if name in _TEXTS and isinstance(field, str) and field.strip():
            text = field.strip()[:MAX_TEXT]
            self.texts[text] = None
            if name == "message" and depth > self._depth:
                self.message, self._depth = text, depth
        if name in {"param", "loc"} and not self.param:
            self.param = _path(field)


def _fields(value: object) -> Iterator[tuple[str, object]]:
    """The fields of an object, or of every object of a list; its texts count as messages."""
    if isinstance(value, dict):
        yield from cast("dict[str, object]", value).items()
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            if isinstance(item, str):
                yield "message", item
            elif isinstance(item, dict):
                yield from cast("dict[str, object]", item).items()


def _embedded(field: object) -> object:
    """A text that is JSON as what it holds: a proxy's `raw` is the provider's whole body."""
    if not isinstance(field, str):
        return field
    start = min((at for at in (field.find("{"), field.find("[")) if at >= 0), default=-1)
    if start < 0:
        return None
    try:
        return _JSON.decode(field[start:])
    except (msgspec.DecodeError, RecursionError):
        return None


def _path(field: object) -> str:
    if isinstance(field, str):
        return field
    if isinstance(field, list):
        parts = cast("list[object]", field)
        return ".".join(str(part) for part in parts if part != "body")
    return ""
