"""Content parts of OpenAI's chat as Gemini's parts."""

import binascii
import mimetypes
from collections.abc import Iterator
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from weir_wires.chat_to_gemini.shapes import Audio, File, Part, Url
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body

T = TypeVar("T")
GeminiPart = dict[str, Any]  # as it goes out

CACHE: Final = "cache_control"
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
_SCHEMES: Final = ("https://", "http://", "gs://")
_IMAGE: Final = "image/jpeg"
_VIDEO: Final = "video/mp4"
_FILE: Final = "application/pdf"
_AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mp3", "pcm16": "audio/pcm"}


def text_part(text: str) -> GeminiPart:
    return {"text": text}


def parts_of(content: str | list[Part] | None, at: str, body: Body) -> list[GeminiPart]:
    """A message's content. Raises InvalidBody and NotCarried naming the part."""
    if content is None or isinstance(content, str):
        return [text_part(content)] if content else []
    return list(_converted(content, at, body))


def texts_of(content: str | list[Part] | None, at: str, body: Body) -> list[str]:
    """The same where the other wire takes text alone, as in system turns."""
    parts = parts_of(content, at, body)
    if any("text" not in part for part in parts):
        raise NotCarried(f"`{at}`: only text can be carried here", param=at)
    return [part["text"] for part in parts]


def _converted(content: list[Part], at: str, body: Body) -> Iterator[GeminiPart]:
    for index, part in enumerate(content):
        if part.cache_control is not None:
            body.drop("messages[].content[].cache_control")
        if part.prompt_cache_breakpoint is not None:
            body.drop("messages[].content[].prompt_cache_breakpoint")
        converted = _part(part, f"{at}[{index}]", body)
        if converted.get("text") != "":
            yield converted


def _part(part: Part, at: str, body: Body) -> GeminiPart:
    if part.type in _TEXTS:
        return text_part(_required(part.text, f"{at}.text"))
    if part.type == "refusal":
        return text_part(_required(part.refusal, f"{at}.refusal"))
    if part.type == "image_url":
        return _by_url(part.image_url, _IMAGE, f"{at}.image_url", body)
    if part.type == "video_url":
        return _by_url(part.video_url, _VIDEO, f"{at}.video_url", body)
    if part.type == "file":
        return _file(_required(part.file, f"{at}.file"), f"{at}.file")
    if part.type == "input_audio":
        return _audio(_required(part.input_audio, f"{at}.input_audio"), f"{at}.input_audio")
    raise NotCarried(f"`{at}`: a part of type {part.type!r} can't be carried", param=at)


def _by_url(given: Url | str | None, usual: str, at: str, body: Body) -> GeminiPart:
    media = Url(given) if isinstance(given, str) else _required(given, at)
    if media.detail not in {None, "auto"}:
        body.drop("messages[].content[].image_url.detail")
    return media_part(media.url, usual, f"{at}.url")


def media_part(url: str, usual: str, at: str) -> GeminiPart:
    """Data in a data URL, or a file by its URL, of the type that its name says or the usual one."""
    if url.lower().startswith(_SCHEMES):
        guessed, _ = mimetypes.guess_type(urlsplit(url).path)
        return {"fileData": {"mimeType": guessed or usual, "fileUri": url}}
    head, comma, data = url.partition(",")
    if head[:5].lower() != "data:" or not comma:
        raise InvalidBody(f"`{at}` must be a URL or data:<media type>;base64,<data>", param=at)
    media, *parameters = head[5:].split(";")
    if "base64" not in (each.lower() for each in parameters):
        raise InvalidBody(f"`{at}`: the data URL must be base64", param=at)
    media = media.strip().lower() or usual
    return _inline("image/jpeg" if media == "image/jpg" else media, data, at)


def _file(file: File, at: str) -> GeminiPart:
    if file.file_data is not None:
        return media_part(file.file_data, _FILE, f"{at}.file_data")
    if file.file_id is not None and file.file_id.lower().startswith(_SCHEMES):
        part = media_part(file.file_id, file.format or _FILE, f"{at}.file_id")
        if file.format is not None:
            part["fileData"]["mimeType"] = file.format
        return part
    raise NotCarried(
        f"`{at}.file_id`: an uploaded file is known to its own provider only: send `file_data`",
        param=f"{at}.file_id",
    )


def _audio(audio: Audio, at: str) -> GeminiPart:
    kind = audio.format.lower()
    return _inline(_AUDIO_TYPES.get(kind, f"audio/{kind}"), audio.data, f"{at}.data")


def _inline(media: str, data: str, at: str) -> GeminiPart:
    try:
        decoded = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidBody(f"`{at}` is not valid base64: {error}", param=at) from error
    if not decoded:
        raise InvalidBody(f"`{at}` has no data", param=at)
    return {"inlineData": {"mimeType": media, "data": data}}


def _required(value: T | None, at: str) -> T:
    if value is None:
        raise InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
    return value
