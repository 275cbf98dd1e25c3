"""Parses requests of Gemini's API, whose path has the model and says whether to stream."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.agent_calls import gemini_call, gemini_result
from weir_gateway.http.parse.request_facts import (
    SINGLE_ANSWER,
    RequestFacts,
    build_request,
    decode,
)
from weir_wires.gemini.names import in_camel_case
from weir_wires.gemini.shapes import Content, Part
from weir_wires.wire import Wire

_IMAGE: Final = "image/"
MODEL: Final = "model"  # the model's role
_USERS: Final = frozenset({None, "", "user"})


class _Declared(msgspec.Struct, rename="camel"):
    function_declarations: list[msgspec.Raw] | None = None


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    temperature: float | None = None
    candidate_count: int | None = None
    response_schema: Any = None
    response_json_schema: Any = None


class _Gemini(msgspec.Struct, rename="camel"):
    contents: list[Content] | Content | str | None = None
    system_instruction: Content | str | None = None
    tools: list[_Declared] | None = None
    generation_config: _Config | None = None
    generate_content_request: "_Gemini | None" = None


_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])
_DECODER: Final = msgspec.json.Decoder(_Gemini)


def parse(
    body: bytes, headers: Mapping[str, str], model: str, wire: Wire, *, stream: bool
) -> Request:
    """Parse one request to `model`. Raises BadRequest naming the field and what to write."""
    fields = decode(_DECODER, in_camel_case(body, lambda data: decode(_FIELDS, data)))
    if wire is Wire.GOOGLE_COUNT_TOKENS and fields.generate_content_request is not None:
        fields = fields.generate_content_request
    contents = _contents(fields.contents)
    if not contents:
        raise BadRequest("`contents` is empty: write at least one", param="contents")
    facts = RequestFacts()
    facts.messages = len(contents)
    system = "\n".join(_read(part, facts) for part in _parts(_content(fields.system_instruction)))
    if system:
        facts.system.append(system)
    for content in contents:
        _read_turn(content, facts)
    for tool in fields.tools or ():
        facts.add_tools(tool.function_declarations or ())
    _read_config(fields.generation_config or _Config(), facts)
    return build_request(wire, body, headers, model, facts, stream=stream)


def parse_pathless(body: bytes, headers: Mapping[str, str]) -> Request:
    """Refuse a request whose path names no model. Raises BadRequest."""
    del body, headers
    raise BadRequest("the path names no model: write /v1beta/models/MODEL:generateContent")


def _read_config(config: _Config, facts: RequestFacts) -> None:
    facts.json_schema = bool(config.response_schema or config.response_json_schema)
    facts.max_tokens = config.max_output_tokens or 0
    facts.temperature = config.temperature
    facts.several = config.candidate_count not in SINGLE_ANSWER


def _read_turn(content: Content, facts: RequestFacts) -> None:
    """A turn that holds only results of functions does not count as the user's own."""
    parts = _parts(content)
    text = "\n".join(filter(None, (_read(part, facts) for part in parts)))
    answered = [part.function_response for part in parts if part.function_response is not None]
    if content.role == MODEL:
        calls = [part.function_call for part in parts if part.function_call is not None]
        facts.conversation.assistant(text, [gemini_call(call) for call in calls])
    for response in answered:
        facts.conversation.result(gemini_result(response))
    if content.role in _USERS and (text or not answered):
        facts.add_user(text)


def _read(part: Part, facts: RequestFacts) -> str:
    """The words of a part; everything that the model reads is counted."""
    if part.text is not None:
        facts.chars += len(part.text)
        return "" if part.thought else part.text
    media = part.inline_data or part.file_data
    if media is not None and (media.mime_type or "").startswith(_IMAGE):
        facts.images += 1
    if part.function_call is not None:
        facts.chars += len(bytes(part.function_call.args))
    if part.function_response is not None:
        facts.chars += len(bytes(part.function_response.response))
    return ""


def _contents(contents: list[Content] | Content | str | None) -> Sequence[Content]:
    if isinstance(contents, list):
        return contents
    content = _content(contents)
    return [content] if content is not None else []


def _content(content: Content | str | None) -> Content | None:
    return Content(parts=[Part(text=content)]) if isinstance(content, str) else content


def _parts(content: Content | None) -> Sequence[Part]:
    return (content.parts if content is not None else None) or ()
