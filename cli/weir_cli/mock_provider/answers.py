"""Deterministic answers: equal requests get equal words, tool calls and token counts. Pure."""

import hashlib
import json

from weir_cli.mock_provider.json_fields import Json
from weir_cli.mock_provider.judge import JUDGE, verdict
from weir_cli.mock_provider.model_request import Finish, ModelAnswer, ModelRequest, Tool, ToolCall
from weir_cli.mock_provider.schema_example import example

_CHARS_PER_TOKEN = 4  # what English text comes to with today's tokenisers
_SHORTEST, _SPREAD = 8, 48  # words of an answer: 8 to 55
_VOCABULARY = (
    "water over under the level gate stone river slow quick deep shallow bank stream mill wheel "
    "flow rises falls holds back lets pass measure depth current bridge reed silver grey morning "
    "evening always seldom because therefore between across along"
)
_WORDS = _VOCABULARY.split()


def tokens(text: str) -> int:
    """A plausible count: a quarter of the characters, at least one."""
    return max(1, -(-len(text) // _CHARS_PER_TOKEN))


def answer(ask: ModelRequest, choice: int = 0) -> ModelAnswer:
    """The answer to `request`; `choice` counts from 0 and each choice has its own words."""
    digest = _digest(ask, choice)
    if JUDGE in ask.model:
        return judged(ask, digest)
    if ask.tool is not None:
        return _call(ask.tool, digest)
    if ask.schema is not None or ask.json_mode:
        value = example(ask.schema or {}, digest)
        return _cut(ask, json.dumps(value, ensure_ascii=False), digest)
    return _cut(ask, f"[{ask.model}, a stand-in] {_words(digest)}.", digest)


def scripted(ask: ModelRequest, text: str) -> ModelAnswer:
    """An answer whose text was written down beforehand."""
    return _cut(ask, text, _digest(ask, 0))


def judged(ask: ModelRequest, digest: bytes) -> ModelAnswer:
    """A judge's answer: its likeliest word, and the probability of each."""
    odds = verdict(ask.prompt)
    likeliest, _ = max(odds, key=lambda pair: pair[1])
    return ModelAnswer(_id(digest), likeliest, Finish.STOP, 1, odds=odds)


def pieces(text: str) -> list[str]:
    """The text as a stream gives it: word by word, together exactly the text."""
    words = text.split(" ")
    return [word if at == 0 else f" {word}" for at, word in enumerate(words)]


def embedding(text: str, dimensions: int) -> list[float]:
    """A vector in [-1,1] that depends on the text alone."""
    stream = hashlib.shake_256(text.encode("utf-8", "replace")).digest(2 * dimensions)
    return [int.from_bytes(stream[at : at + 2]) / 32767.5 - 1 for at in range(0, len(stream), 2)]


def _digest(ask: ModelRequest, choice: int) -> bytes:
    likeliest = f"{ask.model}\0{choice}\0{ask.prompt}"
    return hashlib.sha256(likeliest.encode("utf-8", "replace")).digest()


def _words(digest: bytes) -> str:
    count = _SHORTEST + digest[0] % _SPREAD
    stream = hashlib.shake_256(digest).digest(count)
    return " ".join(_WORDS[byte % len(_WORDS)] for byte in stream)


def _call(tool: Tool, digest: bytes) -> ModelAnswer:
    value: Json = example(tool.parameters, digest)
    arguments = value if isinstance(value, dict) else {}
    written = tokens(tool.name + json.dumps(arguments))
    call = ToolCall(_id(digest), tool.name, arguments)
    return ModelAnswer(_id(digest), "", Finish.TOOL, written, call)


def _id(digest: bytes) -> str:
    return digest.hex()[:24]


def _cut(ask: ModelRequest, text: str, digest: bytes) -> ModelAnswer:
    """Apply `stop` first, then the cap, as a model would come upon them."""
    matches = [(at, stop) for stop in ask.stop if stop and (at := text.find(stop)) >= 0]
    finish, stopped_by = Finish.STOP, ""
    if matches:
        at, stopped_by = min(matches)
        text, finish = text[:at], Finish.STOP_SEQUENCE
    if ask.max_tokens and tokens(text) > ask.max_tokens:
        text, finish, stopped_by = text[: ask.max_tokens * _CHARS_PER_TOKEN], Finish.LENGTH, ""
    return ModelAnswer(_id(digest), text, finish, tokens(text), None, stopped_by)
