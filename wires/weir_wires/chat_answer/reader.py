"""Reads a completion or a chunk: at once where it is as documented, else field by field."""

from typing import Any, Final

import msgspec

from weir_wires.chat_answer.shapes import Choice, Completion
from weir_wires.chat_answer.tolerant import completion_of
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.lenient import blank
from weir_wires.provider_json import mended_object

_COMPLETION: Final = msgspec.json.Decoder(Completion)


def read(data: bytes) -> Completion:
    """Read a completion or a chunk.

    Raises MalformedResponse where it is no JSON or reports an error, with the provider's words,
    and Untranslatable where it is JSON of another kind.
    """
    try:
        completion = _COMPLETION.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        completion = completion_of(mended_object(data, "chat completion"))
    if completion.error and not blank(completion.error):  # some servers always write one
        raise MalformedResponse(f"the provider reports an error: {_words(completion.error)}")
    return completion


def read_whole(data: bytes) -> tuple[Completion, Choice]:
    """Read a whole answer and its first choice. Raises as `read` does."""
    completion = read(data)
    choices = completion.choices or []
    first = next((choice for choice in choices if not choice.index), None)
    choice = first or next(iter(choices), None)
    if choice is None:
        raise Untranslatable("the provider's answer has no choice")
    if choice.any_message is None and choice.finish is None:
        raise Untranslatable("the provider's answer has no message")
    return completion, choice


class FirstChoice:
    """Finds the choice of a stream that is the client's: others may come between its pieces."""

    __slots__ = ("_index",)

    def __init__(self) -> None:
        self._index: int | None = None

    def of(self, chunk: Completion) -> Choice | None:
        """The choice with the index of the first one; a server may number from 1, or not at all."""
        choices = chunk.choices
        if not choices:
            return None
        if self._index is None:
            self._index = min(choice.index or 0 for choice in choices)
        index = self._index
        return next((choice for choice in choices if choice.index in {None, index}), None)


def _words(error: Any) -> str:
    """What an error says, in whichever form."""
    if isinstance(error, dict):
        fields: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        found = next(
            (fields[name] for name in ("message", "detail", "code") if fields.get(name)), ""
        )
        return str(found or fields)
    return str(error)
