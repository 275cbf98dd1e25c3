"""OpenAI's chat completions as a domain Request: parsed once, checked where routing depends on it.

What the provider alone cares about is neither read nor checked here. Must not know aiohttp.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.ids import ModelName
from weir_gateway.domain.request import Facts, Request
from weir_gateway.domain.table import Capability
from weir_gateway.domain.wire import Wire
from weir_gateway.http.model_span import model_span

CHARS_PER_TOKEN = 3  # below what tokenizers reach on prose, so the estimate errs upwards
TOKENS_PER_IMAGE = 1000
FACT_TEXT_CHARS = 4000  # of the last user turn, for rules
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"}
)


class _Message(msgspec.Struct):
    role: str
    content: Any = None


class _Format(msgspec.Struct):
    type: str = "text"


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    response_format: _Format | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    user: str | None = None


_DECODER = msgspec.json.Decoder(_Chat)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request. Raises BadRequest naming the field and what to write."""
    chat = _decode(body)
    if not chat.messages:
        raise BadRequest("`messages` is empty: write at least one", param="messages")
    reading = _read(chat.messages)
    tools = [*(chat.tools or ()), *(chat.functions or ())]
    schema = chat.response_format is not None and chat.response_format.type == "json_schema"
    max_tokens = chat.max_completion_tokens or chat.max_tokens or 0
    text = "\n".join(reading.user_turns)
    chars = reading.chars + sum(len(bytes(tool)) for tool in tools)
    return Request(
        wire=Wire.OPENAI_CHAT,
        body=body,
        model=ModelName(chat.model),
        model_span=model_span(body),
        stream=bool(chat.stream),
        headers=headers,
        scored_text=text,
        facts=Facts(
            model=chat.model,
            stream=bool(chat.stream),
            turns=len(reading.user_turns),
            messages=len(chat.messages),
            chars=len(text),
            tools=len(tools),
            images=reading.images,
            json_schema=schema,
            max_tokens=max_tokens,
            temperature=1.0 if chat.temperature is None else chat.temperature,
            user=chat.user or "",
            headers={k: v for k, v in headers.items() if k not in SECRET_HEADERS},
            text=reading.user_turns[-1][:FACT_TEXT_CHARS] if reading.user_turns else "",
        ),
        needs=_needs(tools=bool(tools), images=bool(reading.images), schema=schema),
        prompt_tokens=chars // CHARS_PER_TOKEN + reading.images * TOKENS_PER_IMAGE,
        max_tokens=max_tokens,
        opening=(*reading.system[:1], *reading.user_turns[:1]),
    )


def _needs(*, tools: bool, images: bool, schema: bool) -> frozenset[Capability]:
    if not (tools or images or schema):
        return _NOTHING
    pairs = (
        (tools, Capability.TOOLS),
        (images, Capability.VISION),
        (schema, Capability.JSON_SCHEMA),
    )
    return frozenset(capability for needed, capability in pairs if needed)


_NOTHING = frozenset[Capability]()


def _decode(body: bytes) -> _Chat:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except msgspec.DecodeError as error:
        hint = (
            "; a \\ud800 to \\udfff escape must be half of a pair"
            if _SURROGATE.search(body)
            else ""
        )
        message = f"the body is not valid JSON: {error}{hint}"
        raise BadRequest(message, code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not valid UTF-8", code="invalid_json") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from error


def _invalid(message: str) -> BadRequest:
    found = _PATH.search(message)
    path = found["path"] if found else ""
    what = message[: found.start()] if found else message
    if what.startswith("Object missing required field"):
        field = what.split("`")[1]
        path = f"{path}.{field}" if path else field
        return BadRequest(f"`{path}` is missing", param=path, code="missing_field")
    if not path:
        return BadRequest(f"the body must be a JSON object: {what.lower()}", code="invalid_json")
    return BadRequest(f"`{path}`: {what[:1].lower()}{what[1:]}", param=path, code="invalid_type")


class _Reading:
    """What one pass over the messages gathers."""

    __slots__ = ("chars", "images", "system", "user_turns")

    def __init__(self) -> None:
        self.user_turns: list[str] = []
        self.system: list[str] = []
        self.images = 0
        self.chars = 0


def _read(messages: Sequence[_Message]) -> _Reading:
    reading = _Reading()
    for index, message in enumerate(messages):
        content = message.content
        if isinstance(content, str):
            text = content
        elif content is None:
            text = ""
        elif isinstance(content, list):
            text = _parts(index, content, reading)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
        else:
            raise _bad_content(f"messages[{index}].content")
        reading.chars += len(text)
        if message.role == "user":
            reading.user_turns.append(text)
        elif message.role in {"system", "developer"}:
            reading.system.append(text)
    return reading


def _parts(index: int, parts: Sequence[Any], reading: _Reading) -> str:
    texts: list[str] = []
    for number, part in enumerate(parts):
        where = f"messages[{index}].content[{number}]"
        if not isinstance(part, dict):
            raise _bad_content(where)
        text: Any = part.get("text")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
        if part.get("type") in {"text", "input_text"}:  # pyright: ignore[reportUnknownMemberType] - JSON of any shape
            if not isinstance(text, str):
                raise BadRequest(f"`{where}.text` must be a string", param=f"{where}.text")
            texts.append(text)
        elif part.get("type") in {"image_url", "input_image"}:  # pyright: ignore[reportUnknownMemberType] - JSON of any shape
            reading.images += 1
    return "\n".join(texts)


def _bad_content(where: str) -> BadRequest:
    return BadRequest(
        f"`{where}` must be a string or a list of content parts", param=where, code="invalid_type"
    )
