"""What every wire's parser shares: decoding with errors that name the field, and the Request.

Must not know aiohttp or any one wire.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.ids import ModelName
from weir_gateway.domain.request import Facts, Request
from weir_gateway.domain.table import Capability
from weir_gateway.http.parse.model_span import model_span
from weir_wires.wire import Wire

CHARS_PER_TOKEN: Final = 3  # below what tokenizers reach on prose, so the estimate errs upwards
TOKENS_PER_IMAGE: Final = 1000
MAX_ANSWER_TOKENS: Final = 2**31 - 1  # tokens; no model has so many
SINGLE_ANSWER: Final = (None, 1)  # what `n` says where one answer is asked for
MAX_TOKENS_FIELDS: Final = {
    Wire.OPENAI_RESPONSES: "max_output_tokens"
}  # what a wire calls the answer's cap
FACT_TEXT_CHARS: Final = 4000  # of the last user turn, for rules
SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"}
)

T = TypeVar("T")

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NOTHING = frozenset[Capability]()


class RequestFacts:
    """What one pass over a request gathers."""

    __slots__ = (
        "chars",
        "images",
        "json_schema",
        "max_tokens",
        "messages",
        "several",
        "state",
        "stores",
        "system",
        "temperature",
        "tokens",
        "tools",
        "user",
        "user_turns",
    )

    def __init__(self) -> None:
        self.user_turns: list[str] = []
        self.system: list[str] = []
        self.messages = 0
        self.images = 0
        self.chars = 0  # of everything the model reads
        self.tokens = 0  # what came as tokens, which need no estimate
        self.tools = 0
        self.json_schema = False
        self.state = False  # whether it names what a provider keeps
        self.several = False  # whether more than one answer is asked for
        self.stores = False  # whether a provider is asked to keep the answer
        self.max_tokens = 0
        self.temperature: float | None = None
        self.user = ""

    def add_tools(self, tools: Sequence[msgspec.Raw]) -> None:
        """Count them and what they add to the prompt."""
        self.tools += len(tools)
        self.chars += sum(len(bytes(tool)) for tool in tools)

    @property
    def prompt_tokens(self) -> int:
        """The estimate from above."""
        return self.chars // CHARS_PER_TOKEN + self.images * TOKENS_PER_IMAGE + self.tokens


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """The body decoded. Raises BadRequest naming the field and what to write."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except msgspec.DecodeError as error:
        hint = (
            "; a \\ud800 to \\udfff escape must be half of a pair"
            if _SURROGATE.search(body)
            else ""
        )
        message = f"the body is not valid JSON: {error}{hint}"
        raise BadRequest(message, code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not valid UTF-8", code="invalid_json") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from error


def build_request(
    wire: Wire,
    body: bytes,
    headers: Mapping[str, str],
    model: str,
    reading: RequestFacts,
    *,
    stream: bool = False,
) -> Request:
    """The Request. Raises BadRequest where the body gives `model` twice, or an absurd cap."""
    if not 0 <= reading.max_tokens <= MAX_ANSWER_TOKENS:
        raise BadRequest(
            f"the most tokens that an answer may have are {reading.max_tokens}: write 1 to "
            f"{MAX_ANSWER_TOKENS}",
            param=MAX_TOKENS_FIELDS.get(wire, "max_tokens"),
        )
    turns = reading.user_turns
    text = "\n".join(turns)
    temperature = reading.temperature
    return Request(
        wire=wire,
        body=body,
        model=ModelName(model),
        model_span=model_span(body),
        stream=stream,
        headers=headers,
        scored_text=text,
        facts=Facts(
            model=model,
            stream=stream,
            turns=len(turns),
            messages=reading.messages,
            chars=len(text),
            tools=reading.tools,
            images=reading.images,
            json_schema=reading.json_schema,
            max_tokens=reading.max_tokens,
            temperature=1.0 if temperature is None else temperature,
            user=reading.user,
            headers={k: v for k, v in headers.items() if k not in SECRET_HEADERS},
            text=turns[-1][:FACT_TEXT_CHARS] if turns else "",
        ),
        needs=_needs(reading),
        prompt_tokens=reading.prompt_tokens,
        max_tokens=reading.max_tokens,
        several=reading.several,
        stores=reading.stores,
        opening=(*reading.system[:1], *turns[:1]),
    )


def read_content(
    where: str, content: object, kinds: Mapping[str, str], reading: RequestFacts
) -> tuple[str, int]:
    """The text of `content`, plain or in parts, and how many of its parts are of no known kind.

    `kinds` tells of a part's `type` whether it is "text" or "image"; images are counted. Raises
    BadRequest, naming the place below `where`.
    """
    if isinstance(content, str):
        reading.chars += len(content)
        return content, 0
    if content is None:
        return "", 0
    if not isinstance(content, list):
        raise bad_content(where)
    texts: list[str] = []
    others = 0
    for number, part in enumerate(content):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON of any shape
        kind = kinds.get(_type(f"{where}[{number}]", part))
        if kind == "text":
            texts.append(_text(f"{where}[{number}].text", part))
        elif kind == "image":
            reading.images += 1
        else:
            others += 1
    text = "\n".join(texts)
    reading.chars += len(text)
    return text, others


def bad_content(where: str) -> BadRequest:
    """Content that is neither text nor a list of parts."""
    return BadRequest(
        f"`{where}` must be a string or a list of content parts", param=where, code="invalid_type"
    )


def _type(where: str, part: Any) -> str:
    if not isinstance(part, dict):
        raise bad_content(where)
    return str(part.get("type"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - JSON of any shape


def _text(where: str, part: Any) -> str:
    text = part.get("text")
    if not isinstance(text, str):
        raise BadRequest(f"`{where}` must be a string", param=where)
    return text


def _needs(reading: RequestFacts) -> frozenset[Capability]:
    if not (reading.tools or reading.images or reading.json_schema or reading.state):
        return _NOTHING
    pairs = (
        (reading.tools, Capability.TOOLS),
        (reading.images, Capability.VISION),
        (reading.json_schema, Capability.JSON_SCHEMA),
        (reading.state, Capability.STATE),
    )
    return frozenset(capability for needed, capability in pairs if needed)


def _invalid(message: str) -> BadRequest:
    found = _PATH.search(message)
    path = found["path"] if found else ""
    what = message[: found.start()] if found else message
    if what.startswith("Object missing required field"):
        field = what.split("`")[1]
        path = f"{path}.{field}" if path else field
        return BadRequest(f"`{path}` is missing", param=path, code="missing_field")
    if not path:
        return BadRequest(f"the body must be a JSON object: {what.lower()}", code="invalid_json")
    return BadRequest(f"`{path}`: {what[:1].lower()}{what[1:]}", param=path, code="invalid_type")
