"""What a request on any of the clients' wires asks: its turns, tools and schema.

For a reader that wants the gist; what it doesn't know is passed over. Must not know what for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.wire import Wire

Object = Mapping[str, Any]

_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_WORDS: Final = ("text", "content", "output", "arguments", "input")  # where parts may have words


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's gist."""

    turns: tuple[tuple[str, str], ...]  # role and words, in order
    tools: frozenset[str]  # names of those offered
    schema: Any  # that the answer must be an instance of; None where there is none


def asked(wire: Wire, body: bytes) -> Asked:
    """The gist of `body`, which has been parsed before; of what can't be read there is none."""
    try:
        fields = _DECODER.decode(body)
        turns = tuple((role, words) for role, words in _turns(wire, fields) if words)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Asked((), frozenset(), None)
    return Asked(turns, frozenset(_tools(fields)), _schema(wire, fields))


def _turns(wire: Wire, fields: Object) -> Iterator[tuple[str, str]]:
    match wire:
        case Wire.OPENAI_COMPLETIONS:
            yield "user", _words(fields.get("prompt"))
        case Wire.OPENAI_RESPONSES:
            yield "system", _words(fields.get("instructions"))
            yield from _each(fields.get("input"))
        case _:
            yield "system", _words(fields.get("system"))
            yield from _each(fields.get("messages"))


def _each(turns: object) -> Iterator[tuple[str, str]]:
    if isinstance(turns, str):
        yield "user", turns
        return
    for turn in _objects(turns):
        role = turn.get("role") or turn.get("type") or ""
        said = [_words(turn), *(_call(one) for one in _objects(turn.get("tool_calls")))]
        yield str(role), "\n".join(part for part in said if part)


def _call(call: Object) -> str:
    function = _object(call.get("function"))
    return f"{function.get('name')}({function.get('arguments')})"


def _words(value: object) -> str:
    """The words in `value`, however they are nested."""
    if isinstance(value, str):
        return value
    several = _list(value)
    if several:
        return "\n".join(filter(None, (_words(part) for part in several)))
    fields = _object(value)
    if fields.get("type") == "tool_use":
        return f"{fields.get('name')}({msgspec.json.encode(fields.get('input')).decode()})"
    for name in _WORDS:
        words = _words(fields[name]) if name in fields else ""
        if words:
            return words
    return ""


def _tools(fields: Object) -> Iterator[str]:
    for name in ("tools", "functions"):
        for tool in _objects(fields.get(name)):
            found = tool.get("name") or _object(tool.get("function")).get("name")
            if isinstance(found, str):
                yield found


def _schema(wire: Wire, fields: Object) -> Any:
    match wire:
        case Wire.OPENAI_CHAT:
            form = _object(fields.get("response_format"))
            return _object(form.get("json_schema")).get("schema")
        case Wire.OPENAI_RESPONSES:
            return _object(_object(fields.get("text")).get("format")).get("schema")
        case Wire.ANTHROPIC_MESSAGES:
            config = _object(_object(fields.get("output_config")).get("format"))
            return config.get("schema") or _object(fields.get("output_format")).get("schema")
        case _:
            return None


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _objects(value: object) -> list[Object]:
    return [_object(one) for one in _list(value) if _object(one)]
