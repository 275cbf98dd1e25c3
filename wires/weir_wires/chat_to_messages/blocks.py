"""Content parts of OpenAI's chat as Anthropic's content blocks."""

import binascii
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from weir_wires.chat_to_messages.shapes import File, ImageUrl, Part
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body

T = TypeVar("T")
Block = dict[str, Any]  # as it goes out; its keys stand in the wire's usual order

IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_PLAIN: Final = "text/plain"
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})


def text_block(text: str) -> Block | None:
    """None for text of nothing but white space, which the other wire refuses."""
    return {"type": "text", "text": text} if text and not text.isspace() else None


def content_blocks(content: str | list[Part] | None, at: str, body: Body) -> list[Block]:
    """A message's content as blocks. Raises InvalidBody and NotCarried naming the part."""
    if content is None or isinstance(content, str):
        block = text_block(content or "")
        return [block] if block is not None else []
    converted = ((part, _block(part, f"{at}[{index}]", body)) for index, part in enumerate(content))
    return [_marked(block, part) for part, block in converted if block is not None]


def texts_only(content: str | list[Part] | None, at: str, body: Body) -> list[Block]:
    """The same where the other wire takes text alone, as in system turns."""
    blocks = content_blocks(content, at, body)
    if any(block["type"] != "text" for block in blocks):
        raise NotCarried(f"`{at}`: only text can be carried here", param=at)
    return blocks


def _block(part: Part, at: str, body: Body) -> Block | None:
    if part.type in _TEXTS:
        return text_block(_required(part.text, f"{at}.text"))
    if part.type == "refusal":
        return text_block(_required(part.refusal, f"{at}.refusal"))
    if part.type == "image_url":
        return _image(part.image_url, f"{at}.image_url", body)
    if part.type == "file":
        return _document(_required(part.file, f"{at}.file"), f"{at}.file")
    raise NotCarried(f"`{at}`: a part of type {part.type!r} can't be carried", param=at)


def _image(image: ImageUrl | str | None, at: str, body: Body) -> Block:
    if image is None:
        raise _missing(at)
    if isinstance(image, str):
        url = image
    else:
        url, at = image.url, f"{at}.url"
        if image.detail not in {None, "auto"}:
            body.drop("messages[].content[].image_url.detail")
    if url[:8].lower().startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _data_url(url, at)
    media = "image/jpeg" if media == "image/jpg" else media
    if media not in IMAGES:
        raise NotCarried(
            f"`{at}`: images of type {media or 'unknown'} can't be carried: send one of "
            f"{', '.join(sorted(IMAGES))}",
            param=at,
        )
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def _document(file: File, at: str) -> Block:
    if file.file_data is None:
        raise NotCarried(
            f"`{at}.file_id`: an uploaded file is known to its own provider only: send `file_data`",
            param=f"{at}.file_id",
        )
    at = f"{at}.file_data"
    media, data = _data_url(file.file_data, at)
    source: Block
    if media == _PDF:
        source = {"type": "base64", "media_type": media, "data": data}
    elif media == _PLAIN:
        source = {"type": "text", "media_type": media, "data": _plain(data, at)}
    else:
        raise NotCarried(f"`{at}`: only PDF and plain text can be carried", param=at)
    block: Block = {"type": "document", "source": source}
    return {**block, "title": file.filename} if file.filename else block


def _data_url(url: str, at: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL."""
    head, comma, data = url.partition(",")
    if head[:5].lower() != "data:" or not comma:
        raise InvalidBody(
            f"`{at}` must be an http(s) URL or data:<media type>;base64,<data>", param=at
        )
    media, *parameters = head[5:].lower().split(";")
    if "base64" not in parameters:
        raise InvalidBody(f"`{at}`: the data URL must be base64", param=at)
    _decoded(data, at)
    return media.strip(), data


def _decoded(data: str, at: str) -> bytes:
    try:
        decoded = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidBody(f"`{at}` is not valid base64: {error}", param=at) from error
    if not decoded:
        raise InvalidBody(f"`{at}` has no data", param=at)
    return decoded


def _plain(data: str, at: str) -> str:
    try:
        return _decoded(data, at).decode()
    except UnicodeDecodeError as error:
        raise InvalidBody(f"`{at}` is not UTF-8 text", param=at) from error


def _marked(block: Block, part: Part) -> Block:
    """With its cache breakpoint, if the client set one in either wire's words."""
    if bytes(part.cache_control):
        return {**block, "cache_control": part.cache_control}
    if part.prompt_cache_breakpoint is not None:
        return {**block, "cache_control": cache_control(part.prompt_cache_breakpoint.ttl)}
    return block


def cache_control(ttl: str | None) -> dict[str, str]:
    """A breakpoint that lives for at least `ttl`, as far as the other wire goes (an hour)."""
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": "1h"}


def all_text(blocks: Iterable[Block]) -> str:
    """The words of text blocks."""
    return "\n".join(block["text"] for block in blocks)


def _required(value: T | None, at: str) -> T:
    if value is None:
        raise _missing(at)
    return value


def _missing(at: str) -> InvalidBody:
    return InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
