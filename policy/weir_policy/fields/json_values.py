"""The kinds for fields of a request: a path, JSON values by path, upper bounds by path."""

import json
from typing import Final, cast

from weir_policy.fields.kinds import BAD, Bad, Kind, Schema, Text
from weir_policy.fields.mistakes import Mistake, Path, what

MAX_FIELDS: Final = 32  # in one mapping
MAX_JSON: Final = 16 * 1024  # characters of all values together; every request carries them

# What a client asks, and what the gateway decides and reads answers by.
PROTECTED: Final = ("model", "messages", "input", "prompt", "contents", "stream")
PROTECTED_MESSAGE: Final = (
    f"{', '.join(PROTECTED)} can't be changed: they are what the client asks and what the gateway "
    "decides by"
)
_STEP: Final = r"[A-Za-z_$][-A-Za-z0-9_$]*(\[\])?"
BODY_PATH: Final = Text(
    word="field of the request",
    convert=str,
    max_length=253,
    pattern=rf"{_STEP}(\.{_STEP})*",
    message="must be a field of the request, like stream_options or tools[].function.strict",
)


class JsonByPath(Kind[tuple[tuple[str, str], ...]]):
    """A mapping from a request's fields to any JSON; reads as paths and JSON texts."""

    word = "mapping of the request's fields to values"

    def read(
        self, value: object, at: Path, mistakes: list[Mistake]
    ) -> tuple[tuple[str, str], ...] | Bad:
        """Every bad path and every value that JSON has no form for is noted."""
        fields = _mapping(value, at, mistakes)
        if fields is None:
            return BAD
        before = len(mistakes)
        texts = [(path, _json(item, (*at, path), mistakes)) for path, item in fields.items()]
        if sum(len(text) for _, text in texts) > MAX_JSON:
            mistakes.append(Mistake(at, f"must be at most {MAX_JSON} characters of JSON"))
        return BAD if len(mistakes) > before else tuple(texts)

    def schema(self) -> Schema:
        """Any field; the protected ones have types, for only then a rule can see them."""
        named: Schema = {name: _protected_schema(name) for name in PROTECTED}
        rule = " && ".join(f"!has(self.{name})" for name in PROTECTED)
        return {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": named,
            "maxProperties": MAX_FIELDS,
            "x-kubernetes-validations": [{"rule": rule, "message": PROTECTED_MESSAGE}],
        }


class BoundsByPath(Kind[tuple[tuple[str, float], ...]]):
    """A mapping from a request's fields to the largest number that goes on."""

    word = "mapping of the request's fields to numbers"

    def read(
        self, value: object, at: Path, mistakes: list[Mistake]
    ) -> tuple[tuple[str, float], ...] | Bad:
        """Every bad path and everything that is no number is noted."""
        fields = _mapping(value, at, mistakes)
        if fields is None:
            return BAD
        before = len(mistakes)
        for path, number in fields.items():
            if not isinstance(number, int | float) or isinstance(number, bool):
                mistakes.append(Mistake((*at, path), f"must be a number, not {what(number)}"))
        if len(mistakes) > before:
            return BAD
        return tuple((path, float(cast("float", number))) for path, number in fields.items())

    def schema(self) -> Schema:
        """A number each."""
        names = ", ".join(f"'{name}'" for name in PROTECTED)
        return {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "maxProperties": MAX_FIELDS,
            "x-kubernetes-validations": [
                {"rule": f"self.all(path, !(path in [{names}]))", "message": PROTECTED_MESSAGE}
            ],
        }


def _protected_schema(name: str) -> Schema:
    if name == "stream":
        return {"type": "boolean"}
    if name in {"messages", "contents"}:
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return {"type": "array", "items": anything}
    return {"type": "string"}


def protected(path: str) -> bool:
    """Whether `path` is one of the protected fields or leads into one."""
    return path.replace("[", ".").partition(".")[0] in PROTECTED


def _mapping(value: object, at: Path, mistakes: list[Mistake]) -> dict[str, object] | None:
    """The mapping by path; None where it is none, with every mistake noted."""
    if not isinstance(value, dict):
        mistakes.append(Mistake(at, f"must be a mapping, not {what(value)}"))
        return None
    fields = cast("dict[object, object]", value)
    before = len(mistakes)
    if len(fields) > MAX_FIELDS:
        mistakes.append(Mistake(at, f"must have at most {MAX_FIELDS} fields, has {len(fields)}"))
    for path in fields:
        here = (*at, path if isinstance(path, str) else repr(path))
        if BODY_PATH.read(path, here, mistakes) is not BAD and protected(cast("str", path)):
            mistakes.append(Mistake(here, PROTECTED_MESSAGE))
    return None if len(mistakes) > before else cast("dict[str, object]", value)


def _json(value: object, at: Path, mistakes: list[Mistake]) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        mistakes.append(Mistake(at, "must be JSON: text, a number, true, false, a list, a mapping"))
        return ""
