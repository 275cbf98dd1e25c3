"""Cache breakpoints without `scope`, which Anthropic's own API alone knows."""

from typing import Any, Final, cast

import msgspec

_ANY: Final = msgspec.json.Decoder(dict[str, Any])
_SCOPE: Final = b'"scope"'
_CONTROL: Final = "cache_control"


def without_scope(body: bytes) -> bytes:
    """A request without the scope of its breakpoints; the very same bytes where there is none."""
    if _SCOPE not in body:
        return body
    fields = _ANY.decode(body)
    return msgspec.json.encode(fields) if _strip(fields) else body


def _strip(fields: dict[str, Any]) -> bool:
    """Strip in place; whether there was a scope. Goes where blocks are, not into tools' inputs."""
    found = False
    waiting: list[Any] = [fields.get("system"), fields.get("tools"), fields.get("messages")]
    while waiting:
        value = waiting.pop()
        match value:
            case list():
                waiting.extend(value)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
            case dict():
                block = cast("dict[str, Any]", value)
                found = _strip_block(block) or found
                waiting.append(block.get("content"))
            case _:
                pass
    return found


def _strip_block(block: dict[str, Any]) -> bool:
    control = block.get(_CONTROL)
    if not isinstance(control, dict):
        return False
    return cast("dict[str, Any]", control).pop("scope", None) is not None
