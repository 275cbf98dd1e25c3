"""A legacy completion's request as a chat completion's: the prompt is what the user says.

`FIELDS` says what becomes of each field.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.model_features import takes_reasoning_effort
from weir_wires.request_body import Body
from weir_wires.translator import Field, carried, refused

MAX_TOKENS: Final = 16  # what this wire says where the client sets no limit

_ANY: Final = msgspec.json.Decoder(Any)
_WHOLE: Final = msgspec.json.Decoder(int)
_MUST_BE_IDLE: Final[dict[str, tuple[Any, ...]]] = {
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (),
    "best_of": (1,),
}


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, and what was left out."""

    body: bytes
    dropped: tuple[str, ...]


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body)
    body.raw("model")  # the gateway itself sets it
    for name, idle in _MUST_BE_IDLE.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            raise NotCarried(f"`{name}` can't be carried to a chat model", param=name)
    messages = [{"role": "user", "content": _prompt(body)}]
    fields: dict[str, Any] = {"model": model, "messages": messages, **_limit(body, model)}
    return Translated(msgspec.json.encode(fields | body.rest()), ())


def _prompt(body: Body) -> str:
    prompt = body.need("prompt", _ANY)
    if isinstance(prompt, list) and len(prompt) == 1:  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
        prompt = prompt[0]  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list):
        raise NotCarried("`prompt`: one string can be carried to a chat model", param="prompt")
    raise InvalidBody("`prompt` must be a string", param="prompt", code="invalid_type")


def _limit(body: Body, model: str) -> dict[str, int]:
    limit = body.take("max_tokens", _WHOLE)
    if limit is not None and limit < 1:
        raise InvalidBody("`max_tokens` must be at least 1", param="max_tokens")
    name = "max_completion_tokens" if takes_reasoning_effort(model) else "max_tokens"
    return {name: MAX_TOKENS if limit is None else limit}


FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model"),
    carried("prompt", "one string, as a user message"),
    refused("prompt[]", "several prompts, or tokens"),
    carried("max_tokens", "16 where none is set, as this wire has it"),
    carried("temperature"),
    carried("top_p"),
    carried("n"),
    carried("stop"),
    carried("stream"),
    carried("stream_options"),
    carried("presence_penalty"),
    carried("frequency_penalty"),
    carried("logit_bias"),
    carried("seed"),
    carried("user"),
    refused("echo", "unless false"),
    refused("suffix", "unless empty"),
    refused("logprobs"),
    refused("best_of", "unless 1"),
    carried("any other field", "under its own name"),
)
