"""The kinds of scalar a field may have: each reads a plain value and describes itself as OpenAPI.

Both sides come from the same pattern, bounds and sentence, so the API server and the file parser
refuse the same values with the same words.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Generic, TypeVar

from weir_policy.fields.mistakes import Mistake, Path, nearest, what

T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", bound=StrEnum, covariant=True)
Schema = dict[str, object]


_NOT_TEXT = re.compile("[\\ud800-\\udfff\\0]")


class Bad(Enum):
    """What a kind reads where the value is no good; the mistake has been noted."""

    BAD = "bad"


BAD = Bad.BAD


class Kind(ABC, Generic[T_co]):
    """How one field's value is read, checked and described."""

    word: str  # as the documentation names it

    @abstractmethod
    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> T_co | Bad:
        """The typed value; or BAD, with what is wrong appended to `mistakes`. Never raises."""

    @abstractmethod
    def schema(self) -> Schema:
        """The structural OpenAPI schema that admits the same values."""

    def inner(self) -> tuple[str, type] | None:
        """For the documentation: `[]` for a list's items, and the shape that lies within."""
        return None


@dataclass(frozen=True, kw_only=True)
class Text(Kind[T_co]):
    """Text, of a pattern where one is given; `message` is the sentence both sides refuse it with.

    A pattern matches the whole text, `contains` any part of it; both use only what RE2 and `re`
    agree on.
    """

    word: str
    convert: Callable[[str], T_co]
    max_length: int
    min_length: int = 1
    pattern: str = ""
    contains: str = ""
    message: str = ""

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> T_co | Bad:
        """Wrong type, wrong length, not Unicode, not of the pattern: one mistake, the first."""
        if not isinstance(value, str):
            mistakes.append(Mistake(at, f"must be text, not {what(value)}", self._hint(value)))
            return BAD
        fault = self._fault(value)
        if fault:
            mistakes.append(Mistake(at, fault))
            return BAD
        return self.convert(value)

    def _hint(self, value: object) -> str:
        """Where YAML took a bare number for text. Nothing else is repeated: it may be a secret."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            quoted = json.dumps(str(value))
            return self.message if self._fault(str(value)) else f"write it in quotes: {quoted}"
        return self.message

    def _fault(self, value: str) -> str:
        if len(value) > self.max_length:
            return f"must be at most {self.max_length} characters long"
        if len(value) < self.min_length:
            return self.message or "must not be empty"
        if _NOT_TEXT.search(value):
            return "must be Unicode text without NUL"
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            return self.message
        if self.contains and not re.search(self.contains, value, re.ASCII):
            return self.message
        return ""

    def schema(self) -> Schema:
        """`string` with its bounds; the pattern as a CEL rule, which can carry the sentence."""
        schema: Schema = {"type": "string", "maxLength": self.max_length}
        if self.min_length and not self.pattern:
            schema["minLength"] = self.min_length
        if self.pattern:
            rule = f"self.matches({json.dumps(f'^(?:{self.pattern})$')})"
            if self.contains:
                rule += f" && self.matches({json.dumps(self.contains)})"
            schema["x-kubernetes-validations"] = [{"rule": rule, "message": self.message}]
        return schema


@dataclass(frozen=True, kw_only=True)
class Whole(Kind[int]):
    """A whole number within bounds, both ends included."""

    at_least: int
    at_most: int
    word: str = "whole number"

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> int | Bad:
        """Bounds are inclusive; true and false are no numbers."""
        if not isinstance(value, int) or isinstance(value, bool):
            mistakes.append(Mistake(at, f"must be a whole number, not {what(value)}"))
            return BAD
        if not self.at_least <= value <= self.at_most:
            mistakes.append(Mistake(at, f"must be from {self.at_least} to {self.at_most}"))
            return BAD
        return value

    def schema(self) -> Schema:
        """`integer` with its bounds."""
        return {
            "type": "integer",
            "format": "int64",
            "minimum": self.at_least,
            "maximum": self.at_most,
        }


@dataclass(frozen=True)
class Flag(Kind[bool]):
    """true or false."""

    word: str = "true or false"

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> bool | Bad:
        """Only a boolean: "yes" in quotes is text."""
        if not isinstance(value, bool):
            mistakes.append(Mistake(at, f"must be true or false, not {what(value)}"))
            return BAD
        return value

    def schema(self) -> Schema:
        """`boolean`."""
        return {"type": "boolean"}


class Choice(Kind[E_co]):
    """One word out of an enum."""

    def __init__(self, options: type[E_co]) -> None:
        self.options = options
        self.word = " or ".join(f"`{option}`" for option in options)

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> E_co | Bad:
        """Case matters, as it does to the API server."""
        if isinstance(value, str) and value in {str(option) for option in self.options}:
            return self.options(value)
        words = ", ".join(self.options)
        hint = nearest(value, self.options) if isinstance(value, str) else ""
        mistakes.append(Mistake(at, f"must be one of {words}", hint))
        return BAD

    def schema(self) -> Schema:
        """`string` with an enum."""
        return {"type": "string", "enum": [str(option) for option in self.options]}


class OneOf(Kind[str]):
    """One of several names that are known elsewhere."""

    def __init__(self, options: Sequence[str]) -> None:
        self.options = tuple(options)
        self.word = " or ".join(f"`{option}`" for option in options)

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> str | Bad:
        """Case matters, as it does to the API server."""
        if isinstance(value, str) and value in self.options:
            return value
        hint = nearest(value, self.options) if isinstance(value, str) else ""
        mistakes.append(Mistake(at, f"must be one of {', '.join(self.options)}", hint))
        return BAD

    def schema(self) -> Schema:
        """`string` with an enum."""
        return {"type": "string", "enum": list(self.options)}
