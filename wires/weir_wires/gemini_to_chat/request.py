"""A request of Gemini's as an OpenAI chat completion's.

The body begins with what a conversation keeps (model, tools, messages) and ends with what may
change from one request to the next, so that providers' prompt caches still hit.
`FIELDS` says what becomes of each field.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini.names import in_camel_case
from weir_wires.gemini.shapes import Content, Part
from weir_wires.gemini_to_chat.options import options
from weir_wires.gemini_to_chat.shapes import GenerationConfig
from weir_wires.gemini_to_chat.tools import response_format, tools
from weir_wires.gemini_to_chat.turns import Turns
from weir_wires.model_features import takes_extras
from weir_wires.request_body import Body
from weir_wires.thinking import strip_extras
from weir_wires.translator import Fate, Field, carried, dropped, refused

_CONTENTS: Final = msgspec.json.Decoder(list[Content] | Content | str)
_CONTENT: Final = msgspec.json.Decoder(Content | str)
_CONFIG: Final = msgspec.json.Decoder(GenerationConfig)
_FLAG: Final = msgspec.json.Decoder(bool)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])
_OWN: Final = ("model",)  # fields that the gateway itself sets
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, and what was left out."""

    body: bytes
    names: ToolNames
    dropped: tuple[str, ...]


def translate_request(client_body: bytes, model: str, *, chained: bool = False) -> Translated:
    """`client_body` for `model`; `chained`: for a second translator, with its own fields.

    Raises NotCarried and InvalidBody naming the field.
    """
    body = Body(in_camel_case(client_body, _decoded))
    for name in _OWN:
        body.raw(name)
    if body.raw("cachedContent") is not None:
        raise NotCarried(
            "`cachedContent`: only its own provider has it: send the whole prompt",
            param="cachedContent",
        )
    config = body.take("generationConfig", _CONFIG) or GenerationConfig()
    fields: dict[str, Any] = {"model": model, **tools(body)}
    fields["messages"] = _messages(body)
    if not takes_extras(model):
        strip_extras(fields["messages"])
    fields |= response_format(config) | options(config, model, body, chained=chained)
    # Its usage comes in the stream only when asked for, and our client's wire always tells it.
    fields |= _STREAM if body.take("stream", _FLAG) else {}
    return Translated(msgspec.json.encode(fields), body.names, body.drop_rest())


def _messages(body: Body) -> list[dict[str, Any]]:
    turns = Turns(body)
    system = body.take("systemInstruction", _CONTENT)
    if system is not None:
        turns.read_system(_content(system))
    contents = body.need("contents", _CONTENTS)
    turns.read(_listed(contents))
    return turns.messages


def _listed(contents: list[Content] | Content | str) -> Sequence[Content]:
    if not contents:
        raise InvalidBody("`contents` is empty: write at least one", param="contents")
    return contents if isinstance(contents, list) else [_content(contents)]


def _content(content: Content | str) -> Content:
    return Content(parts=[Part(text=content)]) if isinstance(content, str) else content


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"the body is not a JSON object: {error}", code="invalid_json") from error


FIELDS: Final[tuple[Field, ...]] = (
    carried("contents", "also where names are in snake case"),
    carried("contents[].parts[].text"),
    carried("contents[].parts[].inlineData", "images, audio, files; dropped in the model's turns"),
    carried("contents[].parts[].fileData", "images by URL; other files are refused"),
    carried("contents[].parts[].functionCall", "with an id where it has none"),
    carried("contents[].parts[].functionResponse", "by its id, else by its name"),
    carried("contents[].parts[].thought", "what another provider wrote; Gemini's own are dropped"),
    carried("contents[].parts[].thoughtSignature", "as `extra_content.google`"),
    carried("contents[].parts[].executableCode", "as text, and its result"),
    carried("systemInstruction", "as the first message"),
    carried("tools[].functionDeclarations", "with a schema of either kind"),
    dropped("tools[]", "any other: the provider's own tools"),
    carried("toolConfig", "`ANY` as `required`; functions that aren't allowed aren't offered"),
    carried("generationConfig.temperature", "dropped for OpenAI's reasoning models"),
    carried("generationConfig.topP", "dropped for OpenAI's reasoning models"),
    dropped("generationConfig.topK"),
    carried("generationConfig.maxOutputTokens"),
    carried("generationConfig.stopSequences"),
    carried("generationConfig.candidateCount", "as `n`"),
    carried("generationConfig.seed"),
    carried("generationConfig.presencePenalty"),
    carried("generationConfig.frequencyPenalty"),
    carried("generationConfig.responseMimeType", "`application/json`, with its schema"),
    carried("generationConfig.responseSchema"),
    carried("generationConfig.responseJsonSchema"),
    carried(
        "generationConfig.thinkingConfig", "as `reasoning_effort`; dropped where none is known"
    ),
    refused("generationConfig.responseModalities", "unless text alone"),
    refused("generationConfig.responseLogprobs"),
    refused("generationConfig.speechConfig"),
    refused("generationConfig.imageConfig"),
    dropped("generationConfig.mediaResolution"),
    refused("cachedContent"),
    dropped("safetySettings"),
    dropped("labels"),
    dropped("any other field"),
)
# What differs where a second translator reads the chat completion.
_CHAINED: Final = {
    "generationConfig.topK": "",
    "generationConfig.thinkingConfig": "as `reasoning_effort`",
    "generationConfig.temperature": "",
    "generationConfig.topP": "",
}
CHAINED_FIELDS: Final = tuple(
    replace(field, fate=Fate.CARRIED, note=_CHAINED[field.name])
    if field.name in _CHAINED
    else field
    for field in FIELDS
)
