"""An OpenAI chat request as Anthropic's.

The body begins with what a conversation keeps (model, tools, system, turns) and ends with what
may change from one request to the next, so that providers' prompt caches still hit.
`FIELDS` says what becomes of each field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.bounds import MAX_MESSAGES_NAME, ToolNames
from weir_wires.chat_to_messages import options
from weir_wires.chat_to_messages.shapes import Message, StreamOptions
from weir_wires.chat_to_messages.tools import output_format, tool_choice, tools
from weir_wires.chat_to_messages.turns import Turns
from weir_wires.model_features import claude_features
from weir_wires.request_body import Body
from weir_wires.translator import Field, carried, dropped, refused

_MESSAGES: Final = msgspec.json.Decoder(list[Message])
_STREAM_OPTIONS: Final = msgspec.json.Decoder(StreamOptions)
_FLAG: Final = msgspec.json.Decoder(bool)
_OWN: Final = ("model",)  # fields that the gateway itself sets


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, and what the answer's way back depends on."""

    body: bytes
    usage_in_stream: bool
    dropped: tuple[str, ...]
    names: ToolNames


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body, max_name=MAX_MESSAGES_NAME)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    fields = _conversation(body, model)
    streams = body.take("stream", _FLAG) or False
    stream_options = body.take("stream_options", _STREAM_OPTIONS) or StreamOptions()
    fields |= {"stream": True} if streams else {}
    return Translated(
        body=msgspec.json.encode(fields),
        usage_in_stream=bool(stream_options.include_usage),
        dropped=body.drop_rest(),
        names=body.names,
    )


def _conversation(body: Body, model: str) -> dict[str, Any]:
    offered = tools(body)
    messages = body.need("messages", _MESSAGES)
    turns = Turns(body)
    turns.read(messages)
    fields: dict[str, Any] = {"model": model}
    fields |= {"tools": offered} if offered else {}
    fields |= {"system": turns.system} if turns.system else {}
    fields["messages"] = turns.turns
    return fields | _options(body, model, offered=bool(offered), resumable=turns.thinks_on)


def _options(body: Body, model: str, *, offered: bool, resumable: bool) -> dict[str, Any]:
    features = claude_features(model)
    cap = options.limit(body)
    choice = tool_choice(body, offered=offered)
    thinking = options.thinking(body, features, choice, resumable=resumable, cap=cap)
    fields: dict[str, Any] = {"max_tokens": cap or options.MAX_TOKENS + thinking.budget}
    fields |= {"tool_choice": choice} if choice is not None else {}
    fields |= thinking.fields
    fields |= _output_config(body, thinking.effort)
    fields |= options.sampling(body, features, thinks=thinking.on)
    stops = options.stops(body)
    fields |= {"stop_sequences": stops} if stops else {}
    return fields | options.caching(body) | options.identity(body)


def _output_config(body: Body, effort: str | None) -> Mapping[str, Any]:
    wanted = output_format(body)
    fields: dict[str, Any] = {"effort": effort} if effort is not None else {}
    fields |= {"format": wanted} if wanted is not None else {}
    return {"output_config": fields} if fields else {}


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model"),
    carried("messages", "same-role turns in a row become one; a call without a result gets one"),
    carried("messages[].content", "empty and blank text is left out"),
    carried("messages[].content[].image_url", "as URL or base64; JPEG, PNG, GIF, WebP"),
    dropped("messages[].content[].image_url.detail", "unless `auto`"),
    carried("messages[].content[].file", "as a document: PDF or plain text in `file_data`"),
    refused("messages[].content[].file.file_id"),
    refused("messages[].content[].input_audio"),
    carried("messages[].content[].cache_control"),
    carried("messages[].content[].prompt_cache_breakpoint", "as `cache_control`"),
    carried("messages[].tool_calls", "ids that repeat or that the wire refuses are made its own"),
    carried("messages[].tool_call_id"),
    carried("messages[].refusal", "as text"),
    carried("messages[].thinking_blocks", "with their signatures"),
    carried("messages[].reasoning_details", "those with a signature or encrypted data"),
    dropped("messages[].reasoning_content", "it has no signature"),
    dropped("messages[].reasoning", "it has no signature"),
    dropped("messages[].name"),
    refused("messages[].audio"),
    refused("messages[].function_call", "write `tool_calls`"),
    carried("tools", "functions; `strict` too; long and odd names come back whole"),
    refused("tools[].custom"),
    carried("tool_choice", "`required` as `any`; dropped without tools"),
    refused("tool_choice.allowed_tools"),
    carried("parallel_tool_calls", "as `disable_parallel_tool_use`"),
    refused("functions", "write `tools`"),
    refused("function_call", "write `tool_choice`"),
    carried("max_completion_tokens", "16,384 where none is set"),
    carried("max_tokens"),
    carried("temperature", "at most 1; dropped where the model takes none or thinks"),
    carried("top_p", "dropped where the model takes none, thinks or has a temperature"),
    carried("top_k", "dropped where the model takes none or thinks"),
    carried("stop", "as `stop_sequences`; blank ones are refused"),
    carried("stream"),
    carried("stream_options.include_usage"),
    carried("response_format", "a `json_schema` as `output_config.format`"),
    refused("response_format.json_object"),
    carried("reasoning_effort", "as `thinking` and, from Claude 4.6 on, `output_config.effort`"),
    carried("thinking", "Anthropic's own field, as it is"),
    carried("user", "as `metadata.user_id`"),
    carried("safety_identifier", "as `metadata.user_id`, before `user`"),
    carried("prompt_cache_key", "asks for a cache breakpoint at the prompt's end"),
    carried("prompt_cache_retention", "`24h` as an hour"),
    carried("prompt_cache_options", "`ttl` as an hour"),
    carried("service_tier", "`auto` and `default`; others are dropped"),
    refused("n", "unless 1"),
    refused("logprobs", "unless false"),
    refused("top_logprobs", "unless 0"),
    refused("logit_bias", "unless empty"),
    refused("frequency_penalty", "unless 0"),
    refused("presence_penalty", "unless 0"),
    refused("audio"),
    refused("modalities", "unless text alone"),
    refused("web_search_options"),
    refused("moderation"),
    dropped("seed"),
    dropped("metadata"),
    dropped("store"),
    dropped("prediction"),
    dropped("verbosity"),
    dropped("any other field"),
)
