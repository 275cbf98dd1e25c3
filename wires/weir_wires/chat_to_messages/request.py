"""An OpenAI chat request as Anthropic's.

The body begins with what a conversation keeps (model, tools, system, turns) and ends with what
may change from one request to the next, so that providers' prompt caches still hit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.chat_to_messages import options
from weir_wires.chat_to_messages.shapes import Message, StreamOptions
from weir_wires.chat_to_messages.tools import output_format, tool_choice, tools
from weir_wires.chat_to_messages.turns import Turns
from weir_wires.model_features import claude_features
from weir_wires.request_body import Body

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


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body)
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
