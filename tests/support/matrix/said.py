"""What a model said, without a wire, and the cases that are made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CALLS = "calls"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a tool."""

    name: str
    arguments: str  # JSON
    id: str = ""  # empty: any, but unlike the other calls'


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Called, ...] = ()
    finish: Finish = Finish.STOP
    refused: bool = False  # the text says that the model won't
    input: int = 11  # tokens
    output: int = 5


class Kind(StrEnum):
    """What may be different about an answer. Each has cases for every pair of wires."""

    PLAIN = "plain"  # written by the form itself, as its documentation says
    ODD_FORMS = "odd forms"  # what servers write in place of what is documented
    CALLS = "calls"  # several at once, mixed, with and without numbers and ids
    UNREADABLE = "unreadable"  # what no reader can take for an answer
    UNTRANSLATABLE = "untranslatable"  # orderly JSON that no translator can read


@dataclass(frozen=True, slots=True)
class Case:
    """An answer as one provider sends it, and what clients must see; None: an error."""

    name: str
    pieces: tuple[bytes, ...]  # of a stream; one piece: the body of a whole answer
    said: Said | None
    stream: bool


def whole(name: str, body: bytes, said: Said | None) -> Case:
    """A case of an answer in one body."""
    return Case(name, (body,), said, stream=False)


def streamed(name: str, pieces: list[bytes], said: Said | None) -> Case:
    """A case of a stream."""
    return Case(name, tuple(pieces), said, stream=True)


OSLO = '{"city":"Oslo"}'
LIMA = '{"city":"Lima"}'
TOOL_NAME = "weather"
PARAMETERS: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
# Answers that every provider's form can write.
PLAIN: dict[str, Said] = {
    "text": Said("It is fine."),
    "characters": Said('Zoë 😀 "quoted" \n\t\\ \u2028 end'),
    "empty": Said(""),
    "thinking": Said("fine", thinking="Let me see."),
    "cut short": Said("It is", finish=Finish.LENGTH),
    "one call": Said(calls=(Called(TOOL_NAME, OSLO, "call_1"),), finish=Finish.CALLS),
    "text and call": Said("Looking.", "", (Called(TOOL_NAME, OSLO, "call_1"),), Finish.CALLS),
    "two calls": Said(
        "",
        "Both.",
        (Called(TOOL_NAME, OSLO, "call_1"), Called(TOOL_NAME, LIMA, "call_2")),
        Finish.CALLS,
    ),
    "call without arguments": Said(calls=(Called("now", "{}", "call_1"),), finish=Finish.CALLS),
}
