"""A legacy completion's request as a chat completion's: the prompt is what the user says."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.model_features import takes_reasoning_effort
from weir_wires.request_body import Body

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
        told = body.take(name, _ANY)
        if told is not None and told not in idle:
            raise NotCarried(f"`{name}` can't be carried to a chat model", param=name)
    said = [{"role": "user", "content": _prompt(body)}]
    made: dict[str, Any] = {"model": model, "messages": said, **_limit(body, model)}
    return Translated(msgspec.json.encode(made | body.rest()), ())


def _prompt(body: Body) -> str:
    told = body.need("prompt", _ANY)
    if isinstance(told, list) and len(told) == 1:  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
        told = told[0]  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    if isinstance(told, str):
        return told
    if isinstance(told, list):
        raise NotCarried("`prompt`: one string can be carried to a chat model", param="prompt")
    raise InvalidBody("`prompt` must be a string", param="prompt", code="invalid_type")


def _limit(body: Body, model: str) -> dict[str, int]:
    told = body.take("max_tokens", _WHOLE)
    if told is not None and told < 1:
        raise InvalidBody("`max_tokens` must be at least 1", param="max_tokens")
    name = "max_completion_tokens" if takes_reasoning_effort(model) else "max_tokens"
    return {name: MAX_TOKENS if told is None else told}
