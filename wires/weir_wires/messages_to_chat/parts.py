"""Anthropic's content blocks as content parts of OpenAI's chat."""

import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat.shapes import Block, Source
from weir_wires.request_body import Body

Part = dict[str, Any]  # as it goes out; its keys stand in the wire's usual order

CACHE: Final = "cache_control"
# What only its own provider can read or give: its tools' calls and what they found. The words that
# the model wrote about it are there beside it.
_PROVIDERS: Final = frozenset(
    {
        "server_tool_use",
        "mcp_tool_use",
        "mcp_tool_result",
        "mcp_tool_listing",
        "tool_addition",
        "tool_removal",
        "fallback",
    }
)
_PROVIDERS_RESULT: Final = "_tool_result"  # how the types of its tools' results end
_PDF_NAME: Final = "document.pdf"


def parts(blocks: Sequence[tuple[str, Block]], body: Body) -> list[Part]:
    """The blocks as parts. Raises InvalidBody and NotCarried naming the block."""
    converted: list[Part] = []
    for at, block in blocks:
        note_dropped(block, body)
        converted.extend(_parts(block, at, body))
    return converted


def content(parts: list[Part]) -> str | list[Part]:
    """One text as a plain string, which every server takes; else the parts."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def text_of(block: Block, at: str) -> str:
    """A text block's words."""
    if block.text is None:
        raise _missing(f"{at}.text")
    return block.text


def note_dropped(block: Block, body: Body) -> None:
    """Note the fields of a block that the chat wire lacks."""
    if block.cache_control is not None:
        body.drop(CACHE)
    if block.citations is not None:
        body.drop("messages[].content[].citations")


def leave_out(block: Block, body: Body) -> bool:
    """Whether a block is the provider's own, which is then noted."""
    own = block.type in _PROVIDERS or block.type.endswith(_PROVIDERS_RESULT)
    if own:
        body.drop(f"messages[].content[].{block.type}")
    return own


def not_carried(block: Block, at: str) -> NotCarried:
    """The error for a block of a type that the chat wire lacks."""
    return NotCarried(f"`{at}`: a block of type {block.type!r} can't be carried", param=at)


def _parts(block: Block, at: str, body: Body) -> list[Part]:
    if block.type == "text":
        text = text_of(block, at)
        return [_text(text)] if text else []
    if block.type in _TEXTS:
        text = _TEXTS[block.type](block)
        return [_text(text)] if text else []
    if leave_out(block, body):
        return []
    if block.type == "image":
        return [_image(_source(block, at), f"{at}.source")]
    if block.type == "document":
        return _document(block, at, body)
    raise not_carried(block, at)


def own_text(block: Block) -> str:
    """The words of a block of a type that is text by another name; empty where it is another."""
    return _TEXTS[block.type](block) if block.type in _TEXTS else ""


def _search_result(block: Block) -> str:
    inner = block.content if isinstance(block.content, list) else []
    source = block.source if isinstance(block.source, str) else None
    return "\n".join(text for text in (block.title, source, *(b.text for b in inner)) if text)


def _reference(block: Block) -> str:
    return f"Found: {block.tool_name}" if block.tool_name else ""


def _compaction(block: Block) -> str:
    """What the provider keeps of the turns before it; nothing where that failed."""
    return block.content if isinstance(block.content, str) else ""


_TEXTS: Final[dict[str, Callable[[Block], str]]] = {
    "search_result": _search_result,
    "tool_reference": _reference,
    "compaction": _compaction,
}


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _image(source: Source, at: str) -> Part:
    if source.type == "url" and source.url is not None:
        return {"type": "image_url", "image_url": {"url": source.url}}
    if source.type != "base64":
        raise NotCarried(f"`{at}`: an image from {source.type!r} can't be carried", param=at)
    return {"type": "image_url", "image_url": {"url": _data_url(source, at)}}


def _document(block: Block, at: str, body: Body) -> list[Part]:
    source = _source(block, at)
    at = f"{at}.source"
    if block.context:
        body.drop("messages[].content[].context")
    if source.type == "base64":
        name = block.title or _PDF_NAME
        return [{"type": "file", "file": {"filename": name, "file_data": _data_url(source, at)}}]
    titled = [_text(block.title)] if block.title else []
    if source.type == "text" and source.data is not None:
        return [*titled, _text(source.data)]
    if source.type == "content" and isinstance(source.content, str):
        return [*titled, _text(source.content)]
    raise NotCarried(f"`{at}`: a document from {source.type!r} can't be carried", param=at)


def _source(block: Block, at: str) -> Source:
    if not isinstance(block.source, Source):
        raise _missing(f"{at}.source")
    return block.source


def _data_url(source: Source, at: str) -> str:
    if not source.media_type or not source.data:
        raise _missing(f"{at}.{'data' if source.media_type else 'media_type'}")
    try:
        binascii.a2b_base64(source.data, strict_mode=True)
    except ValueError as error:
        raise InvalidBody(
            f"`{at}.data` is not valid base64: {error}", param=f"{at}.data"
        ) from error
    return f"data:{source.media_type};base64,{source.data}"


def _missing(at: str) -> InvalidBody:
    return InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
