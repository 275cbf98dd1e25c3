"""Messages, or a whole request of any client API, to the request that routing sees.

The gateway's own parsers read it, so that a prompt is scored here as it is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from weir.errors import BadRequest, mapped
from weir_gateway.domain.request import Request
from weir_gateway.http.parse import (
    anthropic_messages,
    google_gemini,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from weir_wires.wire import Wire

Messages = str | bytes | Sequence[Any] | Mapping[str, Any]

CHAT: Final = "chat"
MESSAGES: Final = "messages"
GEMINI: Final = "gemini"
RESPONSES: Final = "responses"
COMPLETIONS: Final = "completions"
EMBEDDINGS: Final = "embeddings"

READ_ON_LOOP: Final = 128 * 1024  # characters
MESSAGES_ON_LOOP: Final = 500

_PARSERS: Mapping[str, Callable[[bytes, Mapping[str, str]], Request]] = {
    CHAT: openai_chat.parse,
    MESSAGES: anthropic_messages.parse,
    RESPONSES: openai_responses.parse,
    COMPLETIONS: openai_completions.parse,
    EMBEDDINGS: openai_embeddings.parse,
}
APIS: Final = (*_PARSERS, GEMINI)
# Only Anthropic's messages have content of these types.
_ANTHROPIC_PARTS: Final = frozenset(
    {"tool_use", "tool_result", "image", "document", "thinking", "redacted_thinking"}
)
_ANTHROPIC_FIELDS: Final = ("system", "anthropic_version", "stop_sequences", "thinking")
_HEADER_FIELDS: Final = ("headers", "extra_headers")  # of a request as SDKs take it


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What is known of a request beside its messages."""

    model: str | None = None  # what the client names; replaces the one in the messages
    api: str | None = None  # one of APIS; None: found by the fields
    headers: Mapping[str, str] | None = None
    fields: Mapping[str, Any] | None = None  # more of the body, such as `tools`


def read_request(messages: Messages, options: RequestOptions, default_model: str) -> Request:
    """Read what is to be decided. Raises BadRequest, which names the field."""
    body = {**_body(messages), **(options.fields or {})}
    headers = {
        name.lower(): str(value)
        for source in (*(body.pop(name, None) for name in _HEADER_FIELDS), options.headers)
        if isinstance(source, Mapping)
        for name, value in cast("Mapping[str, object]", source).items()
    }
    model = options.model or body.get("model") or default_model
    api = options.api or api_of(body)
    with mapped():
        if api == GEMINI:
            stream = bool(body.pop("stream", False))
            body.pop("model", None)
            return google_gemini.parse(
                _encode(body), headers, str(model), Wire.GOOGLE_GEMINI, stream=stream
            )
        if api not in _PARSERS:
            raise BadRequest(f"there is no api {api!r}: write one of {', '.join(APIS)}")
        return _PARSERS[api](_encode({**body, "model": model}), headers)


def is_large(messages: Messages) -> bool:
    """Whether reading `messages` would keep an event loop waiting for more than a millisecond."""
    if isinstance(messages, str | bytes):
        return len(messages) > READ_ON_LOOP
    listed = _items(messages.get("messages") if isinstance(messages, Mapping) else messages)
    if len(listed) > MESSAGES_ON_LOOP:
        return True
    return sum(len(str(one.get("content"))) for one in _objects(listed)) > READ_ON_LOOP


def _body(messages: Messages) -> dict[str, Any]:
    if isinstance(messages, bytes):
        try:
            messages = cast("Messages", msgspec.json.decode(messages))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
    if isinstance(messages, str):
        return {"messages": [{"role": "user", "content": messages}]}
    if isinstance(messages, Mapping):
        return dict(messages)
    return {"messages": messages}


def api_of(body: Mapping[str, Any]) -> str:
    """The client API whose fields these are."""
    if "messages" in body:
        return MESSAGES if _is_anthropic(body) else CHAT
    if "contents" in body:
        return GEMINI
    if "input" in body:
        return RESPONSES
    return COMPLETIONS if "prompt" in body else CHAT


def _is_anthropic(body: Mapping[str, Any]) -> bool:
    fields = any(body.get(name) is not None for name in _ANTHROPIC_FIELDS)
    tools = any("input_schema" in tool for tool in _objects(body.get("tools")))
    return fields or tools or any(map(_has_anthropic_parts, _objects(body["messages"])))


def _has_anthropic_parts(message: Mapping[str, Any]) -> bool:
    return any(part.get("type") in _ANTHROPIC_PARTS for part in _objects(message.get("content")))


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in _items(value) if isinstance(item, dict)]  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _items(value: object) -> Sequence[Any]:
    """The items of a list; none of anything else."""
    return value if isinstance(value, list | tuple) else ()  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body, enc_hook=_plain)
    except (TypeError, NotImplementedError, ValueError, RecursionError) as error:
        raise BadRequest(f"the request can't be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    """The dict of an SDK's object, such as a message of the OpenAI or the Anthropic client."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(exclude_none=True)
    raise NotImplementedError(f"{type(value).__name__} is not JSON")
