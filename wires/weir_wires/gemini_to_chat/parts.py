"""Gemini's parts as content parts of OpenAI's chat."""

from collections.abc import Sequence
from typing import Any, Final

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini.shapes import Blob, Part

ChatPart = dict[str, Any]

_IMAGE, _AUDIO = "image/", "audio/"
_WEB: Final = ("https://", "http://")
_AUDIO_FORMATS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3"}
_MPEG: Final = {"audio/mpeg": "mp3"}


def chat_part(part: Part, at: str) -> ChatPart | None:
    """The part; None where it shows nothing. Raises InvalidBody and NotCarried naming it."""
    if part.inline_data is not None:
        return _inline(part.inline_data, f"{at}.inlineData")
    if part.file_data is not None:
        return _by_url(part.file_data, f"{at}.fileData")
    text = part.words
    return {"type": "text", "text": text} if text else None


def content(parts: Sequence[ChatPart]) -> str | list[ChatPart]:
    """One text as it is, anything else as parts."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return list(parts)


def _inline(blob: Blob, at: str) -> ChatPart:
    media, data = (blob.mime_type or "").lower(), blob.data
    if not media or not data:
        raise InvalidBody(f"`{at}` needs `mimeType` and `data`", param=at, code="missing_field")
    data = data.replace("-", "+").replace("_", "/")  # the API takes both alphabets of base64
    data += "=" * (-len(data) % 4)
    url = f"data:{media};base64,{data}"
    if media.startswith(_IMAGE):
        return {"type": "image_url", "image_url": {"url": url}}
    sound = (_AUDIO_FORMATS | _MPEG).get(media)
    if sound is not None:
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    if media.startswith(_AUDIO):
        kind = media.removeprefix(_AUDIO)
        return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
    name = blob.display_name or "file"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _by_url(blob: Blob, at: str) -> ChatPart:
    url = blob.file_uri or ""
    image = (blob.mime_type or "").lower().startswith(_IMAGE)
    if image and url.lower().startswith(_WEB) and "generativelanguage.googleapis.com" not in url:
        return {"type": "image_url", "image_url": {"url": url}}
    raise NotCarried(
        f"`{at}.fileUri`: only its own provider can read it: send `inlineData`",
        param=f"{at}.fileUri",
    )
