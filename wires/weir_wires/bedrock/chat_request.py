"""An OpenAI chat request as Bedrock's Converse.

Messages become turns as they do for Anthropic's API (`chat_to_messages`), and then Converse's
blocks. `FIELDS` says what becomes of each field.
"""

from typing import Any, Final

import msgspec

from weir_wires.bedrock.blocks import Block, Blocks
from weir_wires.bedrock.chat_options import OWN, inference, metadata, output_config, tier
from weir_wires.bedrock.families import takes_cache_points
from weir_wires.chat_to_messages import options
from weir_wires.chat_to_messages.request import Translated
from weir_wires.chat_to_messages.shapes import Message, StreamOptions
from weir_wires.chat_to_messages.tools import tool_choice, tools
from weir_wires.chat_to_messages.turns import Turns
from weir_wires.errors import NotCarried
from weir_wires.request_body import Body
from weir_wires.translator import Field, carried, dropped, refused

_MESSAGES: Final = msgspec.json.Decoder(list[Message])
_STREAM_OPTIONS: Final = msgspec.json.Decoder(StreamOptions)
_NO_SCHEMA: Final = msgspec.Raw(b'{"type":"object","properties":{}}')


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body)
    body.raw("model")
    body.raw("stream")  # Converse's URL says whether to stream
    options.refuse(body)
    turns = Turns(body)
    offered = tools(body)
    messages = body.need("messages", _MESSAGES)
    turns.read(messages)
    choice = tool_choice(body, offered=bool(offered))
    blocks = Blocks(cache_points=takes_cache_points(model))
    fields: dict[str, Any] = {"toolConfig": _tool_config(blocks, offered, choice, turns.turns)}
    fields |= {"system": blocks.system(turns.system), "messages": blocks.turns(turns.turns)}
    fields["messages"][-1]["content"] += blocks.cache_point(options.caching(body))
    inferred = inference(body, model, choice, resumable=turns.thinks_on)
    fields |= inferred.fields | output_config(body, inferred.effort) | tier(body) | metadata(body)
    fields |= {name: own for name in OWN if (own := body.raw(name)) is not None}
    for name in blocks.dropped:
        body.drop(name)
    stream_options = body.take("stream_options", _STREAM_OPTIONS) or StreamOptions()
    return Translated(
        body=msgspec.json.encode({name: value for name, value in fields.items() if value}),
        usage_in_stream=bool(stream_options.include_usage),
        dropped=body.drop_rest(),
        names=body.names,
    )


def _tool_config(
    blocks: Blocks, offered: list[Block], choice: Block | None, turns: list[Block]
) -> Block:
    """Tools and the choice among them.

    A conversation in which tools were used must offer tools, so those used stand in where the
    client offers none.
    """
    used = _used(turns)
    kind = (choice or {}).get("type")
    if kind == "none" and used:
        raise NotCarried("`tool_choice`: Bedrock can't forbid tools once they were used")
    if kind == "none" or not (offered or used):
        return {}
    listed = offered or [{"name": name, "input_schema": _NO_SCHEMA} for name in used]
    config: Block = {"tools": [entry for tool in listed for entry in blocks.tool(tool)]}
    if choice is not None and choice.get("disable_parallel_tool_use"):
        blocks.dropped["parallel_tool_calls"] = None
    if kind in {"any", "auto"}:
        config["toolChoice"] = {kind: {}}
    if choice is not None and kind == "tool":
        config["toolChoice"] = {"tool": {"name": choice["name"]}}
    return config


def _used(turns: list[Block]) -> list[str]:
    """The names of the tools that were used, each once."""
    uses = (block for turn in turns for block in turn["content"] if block["type"] == "tool_use")
    return list(dict.fromkeys(block["name"] for block in uses))


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model, in the URL"),
    carried("messages", "same-role turns that follow one another become one"),
    carried("messages[].content", "empty and blank text is left out"),
    carried(
        "messages[].content[].image_url", "data URLs: JPEG, PNG, GIF, WebP; others are refused"
    ),
    dropped("messages[].content[].image_url.detail", "unless `auto`"),
    carried("messages[].content[].file", "as a document: PDF or plain text in `file_data`"),
    refused("messages[].content[].file.file_id"),
    refused("messages[].content[].input_audio"),
    carried("messages[].content[].cache_control", "as `cachePoint`, for Claude and Nova"),
    carried("messages[].content[].prompt_cache_breakpoint", "likewise"),
    carried("messages[].tool_calls", "ids that repeat or that the wire refuses are made its own"),
    carried("messages[].tool_call_id"),
    carried("messages[].refusal", "as text"),
    carried("messages[].thinking_blocks", "with their signatures, as `reasoningContent`"),
    carried("messages[].reasoning_details", "those with a signature or encrypted data"),
    dropped("messages[].reasoning_content", "it has no signature"),
    dropped("messages[].reasoning", "it has no signature"),
    dropped("messages[].name"),
    refused("messages[].audio"),
    refused("messages[].function_call", "write `tool_calls`"),
    carried("tools", "functions; `strict` too"),
    refused("tools[].custom"),
    carried("tool_choice", "`required` as `any`; `none` is refused once tools were used"),
    refused("tool_choice.allowed_tools"),
    dropped("parallel_tool_calls", "unless true"),
    refused("functions", "write `tools`"),
    refused("function_call", "write `tool_choice`"),
    carried("max_completion_tokens"),
    carried("max_tokens"),
    carried("temperature", "at most 1; dropped where the model takes none or thinks"),
    carried("top_p", "dropped where the model takes none, thinks or has a temperature"),
    carried("top_k", "for Claude, Nova and Mistral; dropped elsewhere"),
    carried("stop", "as `stopSequences`; blank ones are refused"),
    carried("stream"),
    carried("stream_options.include_usage"),
    carried("response_format", "a `json_schema` as `outputConfig.textFormat`"),
    refused("response_format.json_object"),
    carried("reasoning_effort", "as the model's family takes it: Claude, Nova 2, gpt-oss"),
    carried("thinking", "Anthropic's own field, for Claude; dropped elsewhere"),
    carried("metadata", "as `requestMetadata`, what fits it"),
    carried("prompt_cache_key", "asks for a cache point at the prompt's end"),
    carried("prompt_cache_retention", "`24h` as an hour"),
    carried("prompt_cache_options", "`ttl` as an hour"),
    carried("service_tier", "`default`, `flex`, `priority`; others are dropped"),
    *(carried(name, "Converse's own field, as it is") for name in OWN),
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
    dropped("user"),
    dropped("safety_identifier"),
    dropped("seed"),
    dropped("store"),
    dropped("prediction"),
    dropped("verbosity"),
    dropped("any other field"),
)
