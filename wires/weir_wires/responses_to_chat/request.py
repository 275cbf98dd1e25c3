"""An OpenAI Responses request as a chat completion's.

The body begins with what a conversation keeps (model, tools, messages) and ends with what may
change from one request to the next, so that providers' prompt caches still hit.
`FIELDS` says what becomes of each field.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody
from weir_wires.model_features import takes_extras, takes_reasoning_effort
from weir_wires.request_body import Body
from weir_wires.responses_to_chat import options, tools
from weir_wires.responses_to_chat.items import Messages
from weir_wires.responses_to_chat.shapes import Item
from weir_wires.responses_to_chat.tool_names import ToolNames
from weir_wires.thinking import strip_extras
from weir_wires.translator import Field, carried, dropped, refused

# What a response says back of its request, and what it says where that was left out.
ECHOED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
_OWN: Final = ("model",)  # fields that the gateway itself sets
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}

_INPUT: Final = msgspec.json.Decoder(str | list[Item])
_TEXT: Final = msgspec.json.Decoder(str)
_FLAG: Final = msgspec.json.Decoder(bool)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, what was left out, and what the response needs of the request."""

    body: bytes
    dropped: tuple[str, ...]
    echo: dict[str, Any]  # what it says back
    names: ToolNames  # the tools that its calls are of


def translate_request(client_body: bytes, model: str, *, effort: bool = False) -> Translated:
    """`client_body` for `model`; with `effort` it knows `reasoning_effort` whatever its name is.

    Raises NotCarried and InvalidBody naming the field.
    """
    body = Body(client_body)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    offered = tools.offered(body)
    fields = _conversation(body, model, offered, effort=effort)
    fields |= _STREAM if body.take("stream", _FLAG) else {}
    options.leave_out(body)
    echo = _echo(client_body)
    return Translated(msgspec.json.encode(fields), body.drop_rest(), echo, offered.names)


def _conversation(
    body: Body, model: str, offered: tools.OfferedTools, *, effort: bool
) -> dict[str, Any]:
    messages = _messages(body, offered)
    if not takes_extras(model):
        strip_extras(messages)
    choice = tools.choice(body, offered)
    fields: dict[str, Any] = {"model": model}
    fields |= {"tools": choice.functions} if choice.functions else {}
    fields["messages"] = messages
    fields |= options.limit(body, model)
    fields |= choice.fields
    fields |= options.reasoning(body, known=effort or takes_reasoning_effort(model)) | options.text(
        body
    )
    return fields | options.sampling(body) | options.same(body, offered=bool(choice.functions))


def _messages(body: Body, offered: tools.OfferedTools) -> list[dict[str, Any]]:
    gathered = Messages(body, offered)
    instructions = body.take("instructions", _TEXT)
    if instructions:
        gathered.add_message("system", instructions)
    input_given = body.need("input", _INPUT)
    if not input_given:
        raise InvalidBody("`input` is empty: write something", param="input")
    if isinstance(input_given, str):
        gathered.add_message("user", input_given)
    else:
        gathered.read(input_given)
    return gathered.messages


def _echo(client_body: bytes) -> dict[str, Any]:
    fields = _FIELDS.decode(client_body)
    return {
        name: fields[name] if bytes(fields.get(name, b"null")) != b"null" else otherwise
        for name, otherwise in ECHOED.items()
    }


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model"),
    carried("instructions", "as the first system message"),
    carried("input", "a string or items; `developer` as `system`"),
    carried("input[].content[].input_text"),
    carried("input[].content[].input_image", "by URL or data URL"),
    refused("input[].content[].input_image.file_id"),
    carried("input[].content[].input_file", "`file_data`"),
    refused("input[].content[].input_file.file_id"),
    refused("input[].content[].input_file.file_url"),
    carried("input[].content[].input_audio"),
    carried("input[].function_call", "calls in a row are one message's; as are those below"),
    carried("input[].function_call_output", "what it shows comes in a user message after it"),
    carried("input[].custom_tool_call", "with its output: a call with one argument, `input`"),
    carried("input[].local_shell_call", "with its output"),
    carried("input[].shell_call", "with its output"),
    carried("input[].apply_patch_call", "with its output"),
    carried("input[].tool_search_call", "the client's; a provider's is dropped"),
    carried("input[].tool_search_output", "its tools are offered from then on"),
    carried("input[].additional_tools", "offered with the others"),
    carried("input[].reasoning", "as the fields it came in; others' are dropped"),
    refused("input[].item_reference", "only its own provider keeps it"),
    dropped("input[].compaction", "only its own provider can read it"),
    dropped("input[]", "any other item, such as `web_search_call`"),
    carried("tools", "`function`"),
    carried("tools[].custom", "a function of one text, given back as `custom_tool_call`"),
    carried("tools[].namespace", "its functions, given back with their namespace"),
    carried("tools[].local_shell", "a function, given back as `local_shell_call`"),
    carried("tools[].shell", "likewise; one in a provider's container is dropped"),
    carried("tools[].apply_patch", "likewise"),
    carried("tools[].tool_search", "likewise; one that the provider runs is dropped"),
    dropped("tools[]", "any other type: a provider's own, such as `web_search` or `mcp`"),
    carried("tool_choice", "refused where it forces a tool that is dropped"),
    carried("tool_choice.allowed_tools", "the others are not offered"),
    carried("parallel_tool_calls", "dropped where no tool is offered"),
    dropped("max_tool_calls", "it bounds providers' own tools"),
    carried("max_output_tokens"),
    carried("temperature"),
    carried("top_p"),
    carried("stream"),
    dropped("stream_options"),
    carried("text.format", "as `response_format`"),
    carried("text.verbosity"),
    carried("reasoning.effort", "to OpenAI's reasoning models; dropped elsewhere"),
    carried("reasoning.summary", "thoughts come unasked where the provider tells them"),
    carried("include", "reasoning is always included; what only other tools give is not there"),
    refused("include.message.output_text.logprobs"),
    refused("top_logprobs", "unless 0"),
    carried("user"),
    carried("safety_identifier"),
    carried("service_tier"),
    carried("prompt_cache_key"),
    carried("prompt_cache_retention"),
    carried("prompt_cache_options"),
    refused("previous_response_id", "nothing is kept: send the whole input"),
    refused("conversation", "nothing is kept: send the whole input"),
    refused("prompt", "only its own provider keeps it"),
    refused("background", "unless false"),
    refused("moderation"),
    dropped("store", "unless false: nothing is kept"),
    dropped("truncation", "unless `disabled`"),
    dropped("metadata", "it comes back with the response"),
    dropped("context_management"),
    dropped("any other field"),
)
