"""An Anthropic request as OpenAI's chat completion.

The body begins with what a conversation keeps (model, tools, turns) and ends with what may change
from one request to the next, so that providers' prompt caches still hit.
`FIELDS` says what becomes of each field.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat import options, tools
from weir_wires.messages_to_chat.parts import CACHE
from weir_wires.messages_to_chat.shapes import Block, Message
from weir_wires.messages_to_chat.turns import system, turns
from weir_wires.model_features import takes_extras
from weir_wires.request_body import Body
from weir_wires.thinking import strip_extras
from weir_wires.translator import Fate, Field, carried, dropped, refused

_MESSAGES: Final = msgspec.json.Decoder(list[Message])
_SYSTEM: Final = msgspec.json.Decoder(str | list[Block])
_FLAG: Final = msgspec.json.Decoder(bool)
_OWN: Final = ("model",)  # fields that the gateway itself sets
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, and what was left out."""

    body: bytes
    dropped: tuple[str, ...]
    names: ToolNames


def translate_request(client_body: bytes, model: str, *, chained: bool = False) -> Translated:
    """`client_body` for `model`; `chained`: for a second translator, with Anthropic's own fields.

    Raises NotCarried and InvalidBody naming the field.
    """
    body = Body(client_body)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    options.leave_out(body)
    if body.raw(CACHE) is not None:
        body.drop(CACHE)
    fields = _conversation(body, model, options.own(body) if chained else {})
    # Its usage comes in the stream only when asked for, and our client's wire always tells it.
    fields |= _STREAM if body.take("stream", _FLAG) else {}
    if chained and CACHE in body.dropped:  # chat has one breakpoint: where the prompt ends
        del body.dropped[CACHE]
        fields["prompt_cache_options"] = {}
    return Translated(msgspec.json.encode(fields), body.drop_rest(), body.names)


def _conversation(body: Body, model: str, own: dict[str, Any]) -> dict[str, Any]:
    messages = body.need("messages", _MESSAGES)
    if not messages:
        raise InvalidBody("`messages` is empty: write at least one", param="messages")
    if messages[-1].role == "assistant":
        at = f"messages[{len(messages) - 1}]"
        raise NotCarried(f"`{at}`: this model can't go on with a begun answer", param=at)
    offered = tools.tools(body)
    chat_messages = [*system(body.take("system", _SYSTEM) or "", body), *turns(messages, body)]
    if not takes_extras(model):
        strip_extras(chat_messages)
    fields: dict[str, Any] = {"model": model}
    fields |= {"tools": offered.functions} if offered.functions else {}
    fields["messages"] = chat_messages
    fields |= options.limit(body, model)
    fields |= tools.choice(body, offered)
    fields |= options.effort_and_format(body, model) | own
    return fields | options.sampling(body, model) | options.rest(body, model)


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model"),
    carried("system", "as the first message"),
    carried("messages", "one that ends with the assistant's turn is refused"),
    carried("messages[].content[].text"),
    carried("messages[].content[].image", "as URL or data URL; uploaded files are refused"),
    carried("messages[].content[].document", "base64 as a file, text as text; URLs are refused"),
    dropped("messages[].content[].citations"),
    dropped("messages[].content[].context"),
    carried("messages[].content[].tool_use"),
    carried("messages[].content[].tool_result", "images in it as the user's next message"),
    carried("messages[].content[].is_error", "as `Error: ` before the result"),
    carried("messages[].content[].thinking", "what a chat provider wrote; dropped where signed"),
    carried("messages[].content[].redacted_thinking", "likewise"),
    carried("messages[].content[].search_result", "as text"),
    carried("messages[].content[].tool_reference", "as text: every tool is offered at once"),
    carried("messages[].content[].compaction", "as text"),
    dropped("messages[].content[].server_tool_use", "and what such tools found"),
    dropped("messages[].content[].mcp_tool_use", "likewise"),
    refused("messages[].content[].container_upload", "a file that only its provider has"),
    dropped("cache_control", "anywhere: providers of this wire cache unasked"),
    carried("tools", "the client's own; `strict` where it can be; long names come back whole"),
    carried("tools[].bash", "a function, as are `text_editor`, `memory` and `computer`"),
    dropped("tools[].type", "any other: tools that the provider runs, such as `web_search`"),
    dropped("tools[].input_examples"),
    dropped("tools[].defer_loading"),
    carried("tool_choice", "`any` as `required`; refused where it forces what is dropped"),
    carried("tool_choice.disable_parallel_tool_use", "as `parallel_tool_calls`"),
    carried("max_tokens", "`max_completion_tokens` for OpenAI's reasoning models; 0 is refused"),
    carried("temperature", "dropped for OpenAI's reasoning models"),
    carried("top_p", "dropped for OpenAI's reasoning models"),
    dropped("top_k"),
    carried("stop_sequences", "as `stop`; more than 4 are refused for OpenAI's models"),
    carried("stream", "with its usage"),
    carried("thinking", "as `reasoning_effort` for OpenAI's reasoning models, else dropped"),
    carried("output_config.effort", "likewise"),
    carried("output_config.format", "as `response_format`"),
    carried("metadata.user_id", "as `user`; over 64 characters as its hash"),
    carried("service_tier", "`auto` and `standard_only`; others are dropped"),
    carried("output_format", "as `output_config.format`"),
    dropped("container"),
    dropped("context_management", "the model reads the whole conversation"),
    refused("inference_geo", "unless `global`"),
    dropped("mcp_servers"),
    dropped("speed"),
    dropped("diagnostics"),
    dropped("user_profile_id"),
    dropped("any other field"),
)

# What differs where a second translator reads the chat completion.
_CHAINED: Final = {
    "top_k": "",
    "thinking": "",
    "output_config.effort": "as `reasoning_effort`",
    CACHE: "one breakpoint, where the prompt ends",
}
CHAINED_FIELDS: Final = tuple(
    replace(field, fate=Fate.CARRIED, note=_CHAINED[field.name])
    if field.name in _CHAINED
    else field
    for field in FIELDS
)
