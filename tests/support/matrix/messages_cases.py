"""What is particular to servers of Anthropic's messages."""

from collections.abc import Mapping, Sequence

from support.matrix.messages_writing import ends, message, starts, text
from support.matrix.said import Case, Kind, Said, streamed, whole

FINE = Said("fine")
TEXT = {"type": "text", "text": "fine"}

ODD_FORMS: list[Case] = [
    whole("a field that is new", message([{**TEXT, "new": 1}], new={}), FINE),
]
CALLS: list[Case] = [
    streamed("none", [starts(), *text(0, "fine"), *ends()], FINE),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    streamed("no event", [b"data: {{{\n\n"], None),
]
CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: ODD_FORMS,
    Kind.CALLS: CALLS,
    Kind.UNREADABLE: UNREADABLE,
}
