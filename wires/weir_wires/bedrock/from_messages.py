"""The client speaks Anthropic's messages or OpenAI's chat, the provider InvokeModel for Claude.

Content passes as the client wrote it. What is around it differs: Bedrock has the model and the
streaming in its URL, and refuses fields that it doesn't know.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.bedrock import betas
from weir_wires.bedrock.answers import failure
from weir_wires.bedrock.cache_scope import without_scope
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.errors import MalformedResponse, NotCarried
from weir_wires.event import Event, write
from weir_wires.event_stream import EXCEPTION
from weir_wires.request_body import Body, read
from weir_wires.thinking import strip_foreign_thinking
from weir_wires.translator import (
    Field,
    ResponseTranslator,
    StreamTranslator,
    TranslatedRequest,
    carried,
    dropped,
    refused,
)

VERSION: Final = "bedrock-2023-05-31"  # of the body's form, as AWS says to send it
_SAME: Final = (
    *("max_tokens", "system", "tool_choice", "temperature", "top_p", "top_k", "stop_sequences"),
    *("thinking", "metadata", "context_management"),
)
_REFUSED: Final = ("container", "mcp_servers", "inference_geo")
# Tools that Anthropic's own servers run, by the beginning of their type; Bedrock has none of them.
_SERVER_TOOLS: Final = ("web_search_", "web_fetch_", "code_execution_", "mcp_", "advisor_")


class _Turn(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]]


_TOOLS: Final = msgspec.json.Decoder(list[dict[str, Any]])
_MESSAGES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TURN: Final = msgspec.json.Decoder(_Turn)
_CONFIG: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FORMAT: Final = msgspec.json.Decoder(msgspec.Raw)

FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model, in the URL"),
    carried("system"),
    carried("messages", "thinking that no Anthropic model wrote is left out"),
    carried("cache_control", "at the end of the last message; `scope` is dropped anywhere"),
    carried("tools", "the client's own, and Anthropic's that clients run"),
    dropped("tools[].type", "tools that the provider runs, such as `web_search`"),
    carried("tool_choice"),
    carried("max_tokens"),
    carried("temperature"),
    carried("top_p"),
    carried("top_k"),
    carried("stop_sequences"),
    carried("stream"),
    carried("thinking"),
    carried("output_config"),
    carried("output_format", "as `output_config.format`"),
    carried("metadata"),
    carried("context_management", "with its beta"),
    carried("anthropic-beta", "those that Bedrock knows, in the body"),
    *(refused(name) for name in _REFUSED),
    dropped("service_tier"),
    dropped("any other field"),
)


@dataclass(frozen=True, slots=True)
class MessagesToInvoke:
    """Answers pass as they are."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        del model  # it is in the URL
        client = Body(strip_foreign_thinking(body))
        for name in ("model", "stream", betas.FIELD, "anthropic_version"):
            client.raw(name)
        for name in _REFUSED:
            if client.raw(name) is not None:
                raise NotCarried(f"`{name}` can't be carried to Bedrock", param=name)
        fields: dict[str, Any] = {"anthropic_version": VERSION}
        tools = _tools(client)
        fields |= {"tools": tools} if tools else {}
        fields |= {name: own for name in _SAME if (own := client.raw(name)) is not None}
        fields["messages"] = _messages(client)
        fields |= _output_config(client) | _needed_betas(fields)
        encoded = msgspec.json.encode(fields)
        scoped = without_scope(encoded)
        if scoped is not encoded:
            client.drop("cache_control.scope")
        return TranslatedRequest(scoped, _Unchanged(), client.drop_rest())


@dataclass(frozen=True, slots=True)
class ChatToInvoke:
    """A chat request becomes Anthropic's, and that InvokeModel's."""

    near: ChatToMessages = field(default_factory=ChatToMessages)
    far: MessagesToInvoke = field(default_factory=MessagesToInvoke)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(
            dropped(entry.name) if entry.name == "service_tier" else entry
            for entry in self.near.fields
        )

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        first = self.near.translate(body, model)
        second = self.far.translate(first.body, model)
        names = tuple(dict.fromkeys([*first.dropped, *second.dropped]))
        return TranslatedRequest(second.body, _Through(first.response), names)


@dataclass(frozen=True, slots=True)
class _Unchanged:
    def translate(self, body: bytes) -> bytes:
        return body

    def stream(self) -> StreamTranslator:
        return _Stream(lambda event: write(event.data, event.name), lambda: b"")


@dataclass(frozen=True, slots=True)
class _Through:
    near: ResponseTranslator

    def translate(self, body: bytes) -> bytes:
        return self.near.translate(body)

    def stream(self) -> StreamTranslator:
        near = self.near.stream()
        return _Stream(near.feed, near.end)


class _Stream:
    """Passes Anthropic's events on; what Bedrock itself reports is a failure."""

    __slots__ = ("_ended", "_finish", "_write")

    def __init__(self, write_event: Callable[[Event], bytes], finish: Callable[[], bytes]) -> None:
        self._write = write_event
        self._finish = finish
        self._ended = False

    def feed(self, event: Event) -> bytes:
        if event.name.startswith(EXCEPTION) or event.name == "error":
            raise MalformedResponse(failure(event))
        self._ended = self._ended or event.name == "message_stop"
        return self._write(event)

    def end(self) -> bytes:
        if not self._ended:
            raise MalformedResponse("the provider's stream ended before its message_stop")
        return self._finish()


def _tools(body: Body) -> list[dict[str, Any]]:
    tools = body.take("tools", _TOOLS) or []
    own = [tool for tool in tools if not str(tool.get("type", "")).startswith(_SERVER_TOOLS)]
    for tool in tools:
        if tool not in own:
            body.drop(f"tools[].{tool.get('type')}")
    return own


def _messages(body: Body) -> list[Any]:
    """The turns; the last one with the cache breakpoint that the client set for all of them."""
    given = body.need("messages", _MESSAGES)
    turns: list[Any] = [*given]
    control = body.raw("cache_control")
    if control is None or not turns:
        return turns
    last = read(turns[-1], _TURN, f"messages[{len(turns) - 1}]")
    content = last.content
    blocks: list[dict[str, Any]] = (
        [{"type": "text", "text": content}] if isinstance(content, str) else content
    )
    if blocks and not str(blocks[-1].get("type")).endswith("thinking"):
        blocks[-1].setdefault("cache_control", control)
    return [*turns[:-1], {"role": last.role, "content": blocks}]


def _output_config(body: Body) -> dict[str, Any]:
    """`output_config`, with the format that clients of its beta write beside it."""
    given = body.take("output_config", _CONFIG)
    config: dict[str, Any] = {**(given or {})}
    older = body.take("output_format", _FORMAT)
    if older is not None:
        config.setdefault("format", older)
    return {"output_config": config} if config else {}


def _needed_betas(fields: dict[str, Any]) -> dict[str, Any]:
    """The betas without which Bedrock refuses what the request has."""
    names: list[str] = []
    managed = fields.get("context_management")
    if managed is not None:
        names.append(betas.COMPACT if b'"compact_' in bytes(managed) else betas.CONTEXT_MANAGEMENT)
    tools: list[dict[str, Any]] = fields.get("tools", [])
    if any("defer_loading" in tool for tool in tools):
        names.append(betas.TOOL_SEARCH)
    if any("input_examples" in tool for tool in tools):
        names.append(betas.TOOL_EXAMPLES)
    return betas.field_of(names)
