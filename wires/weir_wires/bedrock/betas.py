"""Anthropic's betas on Bedrock: those that it knows; any other makes it refuse the request.

Clients name betas in the header `anthropic-beta`, Bedrock takes them in the body.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from weir_wires.spec import Adopted

HEADER: Final = "anthropic-beta"
FIELD: Final = "anthropic_beta"
CONTEXT_MANAGEMENT: Final = "context-management-2025-06-27"
COMPACT: Final = "compact-2026-01-12"
TOOL_SEARCH: Final = "tool-search-tool-2025-10-19"
TOOL_EXAMPLES: Final = "tool-examples-2025-10-29"
# Anthropic's own API has one beta for what Bedrock has two for.
_RENAMED: Final = {"advanced-tool-use-2025-11-20": (TOOL_SEARCH, TOOL_EXAMPLES)}
_KNOWN: Final = re.compile(
    r"(compact|computer-use|context-1m|context-management|dev-full-thinking|effort"
    r"|fine-grained-tool-streaming|interleaved-thinking|output-128k|token-efficient-tools"
    r"|tool-examples|tool-search-tool)-\d{4}-\d\d-\d\d"
)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMES: Final = msgspec.json.Decoder(list[str])


def adopt(body: bytes, headers: Mapping[str, str]) -> Adopted:
    """`body` with the betas of the client's header that Bedrock knows; the others are named."""
    wanted = [name.strip() for name in headers.get(HEADER, "").split(",") if name.strip()]
    if not wanted:
        return Adopted(body)
    left = tuple(f"{HEADER}: {name}" for name in wanted if not _on_bedrock(name))
    names = [own for name in wanted for own in _on_bedrock(name)]
    if not names:
        return Adopted(body, left)
    fields: dict[str, Any] = {**_FIELDS.decode(body)}
    present = _NAMES.decode(fields[FIELD]) if FIELD in fields else []
    return Adopted(msgspec.json.encode(fields | field_of([*present, *names])), left)


def field_of(names: Iterable[str]) -> dict[str, Any]:
    """The body's field, each beta once; none where there are none, as Bedrock wants it."""
    unique = list(dict.fromkeys(names))
    return {FIELD: unique} if unique else {}


def _on_bedrock(name: str) -> tuple[str, ...]:
    return _RENAMED.get(name) or ((name,) if _KNOWN.fullmatch(name) else ())
