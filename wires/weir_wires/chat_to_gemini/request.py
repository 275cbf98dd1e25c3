"""An OpenAI chat request as Gemini's.

The body begins with what a conversation keeps (tools, system instruction, contents) and ends with
what may change from one request to the next, so that the provider's prompt cache still hits.
`FIELDS` says what becomes of each field.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini import options
from weir_wires.chat_to_gemini.shapes import Message, StreamOptions
from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.chat_to_gemini.tools import declarations, output_format, tool_config
from weir_wires.chat_to_gemini.turns import Turns
from weir_wires.gemini.features import gemini_features
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
    names: ToolNames
    usage_in_stream: bool
    dropped: tuple[str, ...]


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    names = ToolNames()
    fields = _fields(body, model, names)
    body.take("stream", _FLAG)  # stands in the URL
    stream_options = body.take("stream_options", _STREAM_OPTIONS) or StreamOptions()
    return Translated(
        body=msgspec.json.encode(fields),
        names=names,
        usage_in_stream=bool(stream_options.include_usage),
        dropped=body.drop_rest(),
    )


def _fields(body: Body, model: str, names: ToolNames) -> dict[str, Any]:
    features = gemini_features(model)
    offered = declarations(body, names)
    turns = Turns(body, names, features)
    messages = body.need("messages", _MESSAGES)
    turns.read(messages)
    fields: dict[str, Any] = {}
    fields |= {"tools": [{"functionDeclarations": offered}]} if offered else {}
    fields |= {"systemInstruction": {"parts": turns.system}} if turns.system else {}
    fields["contents"] = turns.contents
    choice = tool_config(body, names, offered=bool(offered))
    fields |= {"toolConfig": choice} if choice else {}
    config = options.sampling(body, features)
    config |= output_format(body, features, offered=bool(offered))
    config |= options.thinking(body, model, features)
    return fields | ({"generationConfig": config} if config else {})


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model, in the URL"),
    carried("messages", "same-role turns that follow one another become one"),
    carried("messages[].content[].image_url", "by URL or base64"),
    dropped("messages[].content[].image_url.detail", "unless `auto`"),
    carried("messages[].content[].video_url", "by URL or base64"),
    carried("messages[].content[].file", "`file_data`, or a URL in `file_id`"),
    refused("messages[].content[].file.file_id", "unless a URL"),
    carried("messages[].content[].input_audio"),
    dropped("messages[].content[].cache_control", "Gemini caches unasked"),
    dropped("messages[].content[].prompt_cache_breakpoint", "likewise"),
    carried("messages[].tool_calls", "names that the wire refuses are made its own"),
    carried("messages[].tool_calls[].extra_content", "Google's signature of thoughts"),
    carried("messages[].tool_call_id", "by the call's name and position; a late result is moved"),
    carried("messages[].extra_content", "Google's signature of thoughts"),
    carried("messages[].refusal", "as text"),
    dropped("messages[].thinking_blocks", "no Gemini wrote them"),
    dropped("messages[].reasoning_details", "no Gemini wrote them"),
    dropped("messages[].reasoning_content", "Gemini reads its signatures"),
    dropped("messages[].reasoning", "Gemini reads its signatures"),
    dropped("messages[].name"),
    refused("messages[].audio"),
    refused("messages[].function_call", "write `tool_calls`"),
    carried("tools", "functions; their schemas as far as Gemini reads them"),
    dropped("tools[].function.strict"),
    dropped("tools[].cache_control"),
    refused("tools[].custom"),
    carried("tool_choice", "`required` as `ANY`"),
    carried("tool_choice.allowed_tools"),
    dropped("parallel_tool_calls", "unless true"),
    refused("functions", "write `tools`"),
    refused("function_call", "write `tool_choice`"),
    carried("max_completion_tokens"),
    carried("max_tokens"),
    carried("temperature"),
    carried("top_p"),
    carried("top_k"),
    carried("seed"),
    carried("stop", "five at most"),
    carried("n", "eight at most"),
    carried("stream"),
    carried("stream_options.include_usage"),
    carried("response_format", "with functions from Gemini 3 on alone"),
    carried("reasoning_effort", "as a level from Gemini 3 on, else as a budget of tokens"),
    carried("thinking", "likewise"),
    dropped("frequency_penalty", "from Gemini 2.5 on"),
    dropped("presence_penalty", "from Gemini 2.5 on"),
    refused("logprobs", "unless false"),
    refused("top_logprobs", "unless 0"),
    refused("logit_bias", "unless empty"),
    refused("audio"),
    refused("modalities", "unless text alone"),
    refused("web_search_options"),
    refused("moderation"),
    dropped("user"),
    dropped("safety_identifier"),
    dropped("prompt_cache_key"),
    dropped("prompt_cache_options"),
    dropped("service_tier"),
    dropped("metadata"),
    dropped("store"),
    dropped("prediction"),
    dropped("verbosity"),
    dropped("any other field"),
)
