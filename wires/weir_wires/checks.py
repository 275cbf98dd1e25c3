"""What an answer must be, whatever it says: JSON, of a schema, calls of offered tools.

Schemas come from clients: nothing they name is fetched, their patterns are matched in linear time,
and their size is bounded.
"""

import re
import unicodedata
from typing import Any, Final

import jsonschema_rs
import msgspec

from weir_wires.content import AnswerContent, PromptContent

MAX_SCHEMA: Final = 256 * 1024  # bytes; a larger one takes too long to check

_DECODER: Final = msgspec.json.Decoder()
# Everything between words; a minus before a digit and a per cent sign mean something.
_SEPARATORS: Final = re.compile(r"(?:_|-(?!\d)|[^\w%-])+")


def agree(first: AnswerContent, second: AnswerContent) -> bool:
    """Whether both say the same, but for case, punctuation, spaces and JSON's order of keys."""
    return _normal(first) == _normal(second)


def json_violation(answer: AnswerContent) -> str:
    """What keeps an answer from being JSON; empty where nothing does."""
    if answer.calls and not answer.text.strip():
        return ""
    parsed, _ = _parsed(answer.text)
    return "" if parsed else "it is no JSON"


def schema_violation(prompt: PromptContent, answer: AnswerContent) -> str:
    """What keeps an answer from fitting the request's schema; empty where nothing does.

    A request without a schema and an answer that calls a tool instead pass.
    """
    if prompt.schema is None or (answer.calls and not answer.text.strip()):
        return ""
    parsed, value = _parsed(answer.text)
    if not parsed:
        return "it is no JSON"
    try:
        if len(msgspec.json.encode(prompt.schema)) > MAX_SCHEMA:
            return "the schema is too large to check"
        validator = jsonschema_rs.validator_for(
            prompt.schema, offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
        return "" if validator.is_valid(value) else "it is not of the request's schema"
    except (TypeError, ValueError, RecursionError, OverflowError):
        return "the schema can't be used"


def tool_violation(prompt: PromptContent, answer: AnswerContent) -> str:
    """What is wrong with an answer's tool calls; empty where nothing is."""
    for call in answer.calls:
        if call.name not in prompt.tools:
            return "it calls a tool that was not offered"
        parsed, value = _parsed(call.arguments)
        if not parsed or not isinstance(value, dict):
            return "a call's arguments are no JSON object"
    return ""


def _parsed(text: str) -> tuple[bool, Any]:
    try:
        return True, _DECODER.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, None


def _normal(answer: AnswerContent) -> object:
    return _text(answer.text), tuple(
        (call.name, _canonical(call.arguments)) for call in answer.calls
    )


def _text(text: str) -> str:
    parsed, value = _parsed(text)
    if parsed and isinstance(value, dict | list):
        return _canonical(text)
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _canonical(text: str) -> str:
    parsed, value = _parsed(text)
    return msgspec.json.encode(value, order="deterministic").decode() if parsed else text.strip()
