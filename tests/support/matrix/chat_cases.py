"""What is particular to servers of chat completions."""

from collections.abc import Mapping, Sequence

from support.matrix.chat_writing import DONE, chunk, completion, ends
from support.matrix.said import Case, Kind, Said, streamed, whole

FINE = Said("fine")

ODD_FORMS: list[Case] = [
    whole("usage in a choice", completion({"content": "fine"}), FINE),
    streamed("no usage", [chunk({"content": "fine"}), *ends()], FINE),
]
CALLS: list[Case] = [
    whole("none", completion({"content": "fine", "tool_calls": None}), FINE),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    streamed("no chunk", [b"data: {{{\n\n", DONE], None),
]
CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: ODD_FORMS,
    Kind.CALLS: CALLS,
    Kind.UNREADABLE: UNREADABLE,
}
