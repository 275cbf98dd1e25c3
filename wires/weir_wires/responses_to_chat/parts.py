"""Content parts of a Responses item as those of a chat message."""

from collections.abc import Sequence
from typing import Any, Final

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.responses_to_chat.shapes import ABSENT, Part

ChatPart = dict[str, Any]

_TEXTS: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


def content(value: str | Sequence[Part] | None, at: str) -> str | list[ChatPart]:
    """A user's or the system's content; text alone stays a string, as every server knows it."""
    if value is None or isinstance(value, str):
        return value or ""
    fields = [_part(part, f"{at}[{index}]") for index, part in enumerate(value)]
    if len(fields) == 1 and fields[0]["type"] == "text":
        text: str = fields[0]["text"]
        return text
    return fields


def text_content(value: str | Sequence[Part] | None, at: str) -> str:
    """The text of content that is text alone, such as an assistant's message."""
    if value is None or isinstance(value, str):
        return value or ""
    return "".join(
        _given(part.text, f"{at}[{index}].text")
        for index, part in enumerate(value)
        if part.type in _TEXTS
    )


def is_text(part: Part) -> bool:
    """Whether it is text."""
    return part.type in _TEXTS


def _part(part: Part, at: str) -> ChatPart:
    if part.type in _TEXTS:
        return {"type": "text", "text": _given(part.text, f"{at}.text")}
    if part.type == "input_image":
        return _image(part, at)
    if part.type == "input_file":
        return _file(part, at)
    if part.type == "input_audio":
        if part.input_audio == ABSENT:
            raise _missing(f"{at}.input_audio")
        return {"type": part.type, "input_audio": part.input_audio}
    raise NotCarried(f"`{at}`: a part of type {part.type!r} can't be carried", param=at)


def _image(part: Part, at: str) -> ChatPart:
    if part.image_url is None and part.file_id is not None:
        raise _uploaded(f"{at}.file_id", "image_url")
    url = _given(part.image_url, f"{at}.image_url")
    detail = {"detail": part.detail} if part.detail is not None else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _file(part: Part, at: str) -> ChatPart:
    if part.file_data is None and part.file_id is not None:
        raise _uploaded(f"{at}.file_id", "file_data")
    if part.file_data is None and part.file_url is not None:
        raise NotCarried(
            f"`{at}.file_url` can't be carried to this model: send `file_data`",
            param=f"{at}.file_url",
        )
    data = _given(part.file_data, f"{at}.file_data")
    name = {"filename": part.filename} if part.filename is not None else {}
    return {"type": "file", "file": {**name, "file_data": data}}


def _uploaded(at: str, instead: str) -> NotCarried:
    return NotCarried(
        f"`{at}`: an uploaded file is known to its own provider only: send `{instead}`", param=at
    )


def _given(value: str | None, at: str) -> str:
    if value is None:
        raise _missing(at)
    return value


def _missing(at: str) -> InvalidBody:
    return InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
