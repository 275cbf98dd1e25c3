"""A client's body read field by field: what no translation takes is known by name afterwards."""

import re
from typing import Final, TypeVar

import msgspec

from weir_wires.bounds import MAX_CHAT_NAME, ToolNames
from weir_wires.errors import InvalidBody
from weir_wires.unknown_fields import Owners, unknown_fields

T = TypeVar("T")

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PATH: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_INDEX: Final = re.compile(r"\[\d+\]")
_NULL: Final = b"null"
EMPTY_OBJECT: Final = msgspec.Raw(b"{}")
# The name that Anthropic's documentation gives a tool's input that a model wrote as no JSON.
NOT_JSON: Final = "INVALID_JSON"


class Body:
    """The top-level fields of one body. A field that is null counts as not there."""

    __slots__ = ("_left", "_unknown", "dropped", "names")

    def __init__(self, body: bytes, *, max_name: int = MAX_CHAT_NAME) -> None:
        """Raises InvalidBody where `body` is no JSON object.

        `max_name` is how long a tool's name may be for the provider.
        """
        self.names = ToolNames(max_name)
        try:
            self._left = _FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidBody(
                f"the body is not a JSON object: {error}", code="invalid_json"
            ) from error
        self.dropped: dict[str, None] = {}  # names in the order they were met, each once
        self._unknown: dict[str, Owners] = {}  # nested fields that no struct knows

    def take(self, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        """The field's value, None where it isn't there. Raises InvalidBody naming the place."""
        raw = self.raw(name)
        return None if raw is None else self.read(raw, decoder, name)

    def read(self, raw: msgspec.Raw, decoder: msgspec.json.Decoder[T], at: str) -> T:
        """Decode a value of the body, and note the fields within that its type doesn't know."""
        value = read(raw, decoder, at)
        self._unknown |= unknown_fields(raw, decoder.type, _INDEX.sub("[]", at))
        return value

    def need(self, name: str, decoder: msgspec.json.Decoder[T]) -> T:
        """Take a field that must be there. Raises InvalidBody naming it."""
        value = self.take(name, decoder)
        if value is None:
            raise InvalidBody(f"`{name}` is missing", param=name, code="missing_field")
        return value

    def raw(self, name: str) -> msgspec.Raw | None:
        """The field's bytes as the client wrote them."""
        raw = self._left.pop(name, None)
        return None if raw is None or bytes(raw) == _NULL else raw

    def drop(self, name: str) -> None:
        """Note that `name` is left out, which does no harm."""
        self.dropped[name] = None

    def rest(self) -> dict[str, msgspec.Raw]:
        """The fields not taken yet, for a wire that has them under the same names."""
        left, self._left = self._left, {}
        return {name: raw for name, raw in left.items() if bytes(raw) != _NULL}

    def drop_rest(self) -> tuple[str, ...]:
        """The names of everything left out: noted fields, those not taken, and unknown ones.

        What is left out whole is not named again field by field.
        """
        for name, raw in self._left.items():
            if bytes(raw) != _NULL:
                self.drop(name)
        inner = [name for name, within in self._unknown.items() if not self.dropped.keys() & within]
        return tuple(dict.fromkeys((*self.dropped, *inner)))


def read(raw: msgspec.Raw, decoder: msgspec.json.Decoder[T], at: str) -> T:
    """Decode the value at `at`. Raises InvalidBody naming the place within it."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _mismatch(str(error), at) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"`{at}`: {error}", param=at, code="invalid_json") from error


def tool_input(arguments: str) -> msgspec.Raw:
    """A call's arguments as the JSON object that Anthropic's wire wants.

    Empty arguments are an empty object. What is no JSON object stays readable under one key: the
    model wrote it, and the client can't mend it.
    """
    if not arguments.strip():
        return EMPTY_OBJECT
    data = arguments.encode()
    try:
        _OBJECT.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode({NOT_JSON: arguments}))
    return msgspec.Raw(data)


def _mismatch(message: str, at: str) -> InvalidBody:
    match = _PATH.search(message)
    what = message[: match.start()] if match else message
    path = at + (match["path"] if match else "")
    if what.startswith("Object missing required field"):
        path = f"{path}.{what.split('`')[1]}"
        return InvalidBody(f"`{path}` is missing", param=path, code="missing_field")
    return InvalidBody(f"`{path}`: {what[:1].lower()}{what[1:]}", param=path, code="invalid_type")
