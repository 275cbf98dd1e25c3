"""The keys of the response cache: hashes that reveal no client and no prompt.

Two requests have the same exact key if everything that may change the answer is equal, but for
white space and the order of JSON keys. They have the same semantic key if all but the last user
turn is equal and that turn has the same wording (cache/wording.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, cast

from weir_gateway.domain.request import Request
from weir_gateway.routing.cache.wording import wording
from weir_wires.wire import Wire

DIGEST: Final = 32  # bytes
MOST_TEXT: Final = 8_192  # characters of a turn that is compared by wording

# What says who asks or how the answer is billed or delivered, and not what it is.
PASSED_OVER: Final[Mapping[Wire, frozenset[str]]] = {
    Wire.ANTHROPIC_MESSAGES: frozenset({"model", "stream", "metadata"}),
}
PASSED_OVER_OTHERWISE: Final = frozenset(
    {
        *("model", "stream", "user", "metadata", "client_metadata", "store"),
        *("safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
        "prompt_cache_options",
    }
)
HEADERS: Final = ("anthropic-beta", "anthropic-version", "openai-beta")  # they reach the provider
_TURNS: Final = {
    Wire.OPENAI_CHAT: "messages",
    Wire.ANTHROPIC_MESSAGES: "messages",
    Wire.OPENAI_RESPONSES: "input",
    Wire.OPENAI_COMPLETIONS: "prompt",
    Wire.GOOGLE_GEMINI: "contents",
}
_TEXT_PARTS: Final = frozenset({"text", "input_text"})
_BLANK: Final = "\0"  # in the place of a turn that is compared by wording


class NoKey(Exception):
    """The request can't be compared with others; the message says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a request's answer is kept."""

    exact_key: bytes
    semantic_key: bytes  # empty: it is compared with no other by meaning


def keys(request: Request, where: tuple[str, ...], *, by_meaning: bool) -> Keys:
    """The keys of `request` within `where`: its policy, its scope, who may answer.

    Raises NoKey for a body that readers may read differently.
    """
    body = _read(request.body)
    passed_over = PASSED_OVER.get(request.wire, PASSED_OVER_OTHERWISE)
    fields = {name: value for name, value in body.items() if name not in passed_over}
    circumstances = (
        *where,
        request.wire.name,
        "stream" if request.stream else "whole",
        *(f"{name}={request.headers[name]}" for name in HEADERS if name in request.headers),
    )
    exact = _digest("exact", *circumstances, _canonical(fields))
    text = _take_last_turn(fields, request.wire) if by_meaning else None
    if text is None or len(text) > MOST_TEXT:
        return Keys(exact, b"")
    return Keys(exact, _digest("meaning", *circumstances, _canonical(fields), *wording(text)))


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = as_object(json.loads(body, object_pairs_hook=_object))
    except (ValueError, RecursionError) as error:
        raise NoKey("its body can't be compared") from error
    if read is None:
        raise NoKey("its body is no object")
    return read


def as_object(value: object) -> dict[str, Any] | None:
    """What JSON read, where that is an object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _as_list(value: object) -> list[Any]:
    return list(cast("list[Any]", value)) if isinstance(value, list) else []  # type: ignore[redundant-cast] # pyright knows less of it


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two values a provider reads is anyone's guess: one could pass for the other."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NoKey("it gives a field twice")
    return made


def _canonical(fields: Mapping[str, Any]) -> str:
    try:
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise NoKey("its body can't be compared") from error


def _digest(*parts: str) -> bytes:
    digest = blake2b(digest_size=DIGEST)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


def _take_last_turn(fields: dict[str, Any], wire: Wire) -> str | None:
    """Blank the text of the last turn where that is the user's own, and one text; gives it."""
    name = _TURNS.get(wire, "")
    turns = fields.get(name)
    if isinstance(turns, str):
        fields[name] = _BLANK
        return turns
    last = as_object(next(reversed(_as_list(turns)), None))
    if last is None or last.get("role") != "user":
        return None
    return _take_text(last)


def _is_text(part: Mapping[str, Any]) -> bool:
    """By its type, or on Gemini's wire, where parts have none, by its text."""
    return part["type"] in _TEXT_PARTS if "type" in part else "text" in part


def _take_text(turn: dict[str, Any]) -> str | None:
    content = turn.get("content", turn.get("parts"))
    if isinstance(content, str):
        turn["content"] = _BLANK
        return content
    parts = [as_object(part) for part in _as_list(content)]
    texts = [part for part in parts if part is not None and _is_text(part)]
    text = texts[0].get("text") if len(texts) == 1 else None
    if not isinstance(text, str):
        return None
    texts[0]["text"] = _BLANK
    return text
