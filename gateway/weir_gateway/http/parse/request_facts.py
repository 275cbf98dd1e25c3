"""What the parsers of all wires share: decoding, content, the facts of a request, the Request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from weir_agents.conversation import ConversationReader
from weir_agents.facts import NO_AGENT, AgentFacts
from weir_agents.harness import read_marks
from weir_agents.text_protocol import is_result_text
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import CHARS_PER_TOKEN, TOKENS_PER_IMAGE, Request
from weir_gateway.http.parse.model_span import model_span
from weir_policy.facts import Facts
from weir_policy.ids import ModelName
from weir_policy.spec.backend import Capability
from weir_wires.wire import Wire

MAX_ANSWER_TOKENS: Final = 2**31 - 1  # no model writes so many
SINGLE_ANSWER: Final = (None, 1)  # values of `n` that ask for one answer
# The field that caps the answer's tokens, where it is not `max_tokens`.
MAX_TOKENS_FIELDS: Final = {
    Wire.OPENAI_RESPONSES: "max_output_tokens",
    Wire.GOOGLE_GEMINI: "generationConfig.maxOutputTokens",
}
MODEL_IN_PATH: Final = frozenset({Wire.GOOGLE_GEMINI, Wire.GOOGLE_COUNT_TOKENS})
EARLIER_TURNS: Final = 4  # of the user's, that a follow-up may be about
FACT_TEXT_CHARS: Final = 4000  # of the last user turn that rules may read
SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"}
)

T = TypeVar("T")

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NO_NEEDS = frozenset[Capability]()


class RequestFacts:
    """What a parser gathers in one pass over a request."""

    __slots__ = (
        "chars",
        "client_line",
        "conversation",
        "images",
        "inserted",
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
        "wants_usage",
    )

    def __init__(self) -> None:
        self.user_turns: list[str] = []
        self.inserted: list[str] = []  # what an agent's program wrote in the user's place
        self.conversation = ConversationReader()
        self.system: list[str] = []
        self.client_line = ""  # what a program adds to the system prompt in each request anew
        self.messages = 0
        self.images = 0
        self.chars = 0  # of all that the model reads
        self.tokens = 0  # of input that came as tokens, which needs no estimate
        self.tools = 0
        self.json_schema = False
        self.state = False  # whether it refers to state at the provider
        self.several = False  # whether it asks for more than one answer
        self.wants_usage = True  # whether a stream may have an event with the usage alone
        self.stores = False  # whether it asks the provider to store the answer
        self.max_tokens = 0
        self.temperature: float | None = None
        self.user = ""

    def add_tools(self, tools: Sequence[msgspec.Raw]) -> None:
        """Count tools and the characters that they add to the prompt."""
        self.tools += len(tools)
        self.chars += sum(len(bytes(tool)) for tool in tools)

    def add_user(self, text: str) -> None:
        """Take the text of a message of role user, which may be a program's and not the user's."""
        own = self.conversation.user(text)
        if own is not None:
            self.user_turns.append(own)
        elif not is_result_text(text):
            self.inserted.append(text)

    def agent(self, headers: Mapping[str, str]) -> AgentFacts:
        """Where an agent's conversation stands; a request with tools may be an agent's first."""
        if not (self.tools or self.conversation.active):
            return NO_AGENT
        system = self.client_line + (self.system[0] if self.system else "")
        marks = read_marks(headers, system, self.user)
        return self.conversation.facts(marks, tokens=self.prompt_tokens)

    @property
    def prompt_tokens(self) -> int:
        """The prompt's tokens, estimated from above."""
        return self.chars // CHARS_PER_TOKEN + self.images * TOKENS_PER_IMAGE + self.tokens


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode the body. Raises BadRequest naming the field and what to write."""
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
    facts: RequestFacts,
    *,
    stream: bool = False,
) -> Request:
    """Build the Request. Raises BadRequest where `model` is given twice or a cap is impossible.

    Wires in `MODEL_IN_PATH` have no `model` in their body.
    """
    if not 0 <= facts.max_tokens <= MAX_ANSWER_TOKENS:
        raise BadRequest(
            f"the answer's token limit is {facts.max_tokens}: write 1 to {MAX_ANSWER_TOKENS}",
            param=MAX_TOKENS_FIELDS.get(wire, "max_tokens"),
        )
    turns = facts.user_turns or facts.inserted
    texts = [turn for turn in turns if turn and not turn.isspace()]
    temperature = facts.temperature
    return Request(
        wire=wire,
        body=body,
        model=ModelName(model),
        model_span=None if wire in MODEL_IN_PATH else model_span(body),
        stream=stream,
        headers=headers,
        scored_text=texts[-1] if texts else "",
        earlier=tuple(texts[-1 - EARLIER_TURNS : -1]),
        facts=Facts(
            model=model,
            stream=stream,
            turns=len(turns),
            messages=facts.messages,
            chars=sum(map(len, turns)) + max(len(turns) - 1, 0),
            tools=facts.tools,
            images=facts.images,
            json_schema=facts.json_schema,
            max_tokens=facts.max_tokens,
            temperature=1.0 if temperature is None else temperature,
            user=facts.user,
            headers=readable(headers),
            text=turns[-1][:FACT_TEXT_CHARS] if turns else "",
            agent=facts.agent(headers),
        ),
        needs=_needs(facts),
        prompt_tokens=facts.prompt_tokens,
        max_tokens=facts.max_tokens,
        several=facts.several,
        stores=facts.stores,
        wants_usage=facts.wants_usage,
        opening=(*facts.system[:1], *turns[:1]),
    )


def readable(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that rules may read."""
    return {name: value for name, value in headers.items() if name not in SECRET_HEADERS}


def read_content(
    where: str, content: object, kinds: Mapping[str, str], facts: RequestFacts
) -> tuple[str, int]:
    """Return the text of `content`, plain or in parts, and the number of parts of unknown types.

    `kinds` maps a part's `type` to "text" or "image"; characters and images are added to `facts`.
    Raises BadRequest naming the field below `where`.
    """
    if isinstance(content, str):
        facts.chars += len(content)
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
            facts.images += 1
        else:
            others += 1
    text = "\n".join(texts)
    facts.chars += len(text)
    return text, others


def bad_content(where: str) -> BadRequest:
    """Build the error for content that is neither a string nor a list of parts."""
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


def _needs(facts: RequestFacts) -> frozenset[Capability]:
    if not (facts.tools or facts.images or facts.json_schema or facts.state):
        return _NO_NEEDS
    pairs = (
        (facts.tools, Capability.TOOLS),
        (facts.images, Capability.VISION),
        (facts.json_schema, Capability.JSON_SCHEMA),
        (facts.state, Capability.STATE),
    )
    return frozenset(capability for needed, capability in pairs if needed)


def _invalid(message: str) -> BadRequest:
    match = _PATH.search(message)
    path = match["path"] if match else ""
    what = message[: match.start()] if match else message
    if what.startswith("Object missing required field"):
        field = what.split("`")[1]
        path = f"{path}.{field}" if path else field
        return BadRequest(f"`{path}` is missing", param=path, code="missing_field")
    if not path:
        return BadRequest(f"the body must be a JSON object: {what.lower()}", code="invalid_json")
    return BadRequest(f"`{path}`: {what[:1].lower()}{what[1:]}", param=path, code="invalid_type")
