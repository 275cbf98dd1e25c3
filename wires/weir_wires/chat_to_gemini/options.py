"""What a chat request asks for beside its messages and tools, as Gemini's generationConfig."""

from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini.shapes import Thinking
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini.features import GeminiFeatures
from weir_wires.request_body import Body

MAX_STOPS: Final = 5
MAX_CANDIDATES: Final = 8
# Tokens of thinking for models that know no levels.
BUDGETS: Final = {
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
_MAX_BUDGET: Final = 24_576  # tokens that every such model takes
_MIN_BUDGET: Final = 128  # tokens; of the models that can't think less
_MIN_LITE: Final = 512  # tokens; of the smallest models, but for none at all
_LEVELS: Final = {"none": "low", "minimal": "low", "low": "low", "medium": "medium"}
_HIGH: Final = "high"
_NONE: Final = "none"
# Refused where the client asks for something by them; each with what asks for nothing.
_MUST_BE_IDLE: Final[dict[str, tuple[Any, ...]]] = {
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "audio": (),
    "modalities": (["text"], []),
    "web_search_options": (),
    "moderation": (),
}
_SAME: Final = {"temperature": "temperature", "top_p": "topP", "top_k": "topK"}

_NUMBER: Final = msgspec.json.Decoder(float)
_WHOLE: Final = msgspec.json.Decoder(int)
_TEXT: Final = msgspec.json.Decoder(str)
_STOP: Final = msgspec.json.Decoder(str | list[str])
_ANY: Final = msgspec.json.Decoder(Any)
_THINKING: Final = msgspec.json.Decoder(Thinking)


def refuse(body: Body) -> None:
    """Raise NotCarried for the first field that asks for what the other wire can't do."""
    for name, idle in _MUST_BE_IDLE.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            raise NotCarried(f"`{name}` can't be carried to this model", param=name)


def sampling(body: Body, features: GeminiFeatures) -> dict[str, Any]:
    """Temperature and its like, as many answers as are wanted, and where they stop."""
    fields: dict[str, Any] = {}
    for name, own in _SAME.items():
        raw = body.raw(name)
        if raw is not None:
            fields[own] = raw
    fields |= _limit(body) | _stops(body) | _several(body)
    seed = body.take("seed", _WHOLE)
    fields |= {"seed": seed} if seed is not None else {}
    for name, own in (
        ("presence_penalty", "presencePenalty"),
        ("frequency_penalty", "frequencyPenalty"),
    ):
        penalty = body.take(name, _NUMBER)
        if penalty and features.penalties:
            fields[own] = penalty
        elif penalty:
            body.drop(name)
    return fields


def thinking(body: Body, model: str, features: GeminiFeatures) -> dict[str, Any]:
    """How much to think, and that the thoughts are shown."""
    effort = body.take("reasoning_effort", _TEXT)
    own = body.take("thinking", _THINKING)
    if not features.thinks:
        for name, given in (("reasoning_effort", effort), ("thinking", own)):
            if given is not None:
                body.drop(name)
        return {}
    if effort is not None and effort not in BUDGETS and effort != _NONE:
        raise InvalidBody(
            f"`reasoning_effort`: {effort!r} is none of none, {', '.join(BUDGETS)}",
            param="reasoning_effort",
        )
    if own is not None and own.type == "disabled":
        effort = _NONE
    budget = own.budget_tokens if own is not None and effort is None else None
    amount = _level(effort, budget, model) if features.levels else _budget(effort, budget, features)
    return {"thinkingConfig": {"includeThoughts": True, **amount}}


def _level(effort: str | None, budget: int | None, model: str) -> dict[str, Any]:
    """Flash knows `minimal`, too; the first Pro of them no `medium`."""
    if effort is None and budget is None:
        return {}
    if effort is None:
        effort = next((name for name in ("low", "medium") if (budget or 0) <= BUDGETS[name]), _HIGH)
    name = model.lower()
    if effort in {_NONE, "minimal"} and "flash" in name:
        return {"thinkingLevel": "minimal"}
    level = _LEVELS.get(effort, _HIGH)
    if level == "medium" and "gemini-3-pro" in name:
        level = _HIGH
    return {"thinkingLevel": level}


def _budget(effort: str | None, budget: int | None, features: GeminiFeatures) -> dict[str, Any]:
    if effort is None and budget is None:
        return {}
    if effort == _NONE:
        return {"thinkingBudget": _MIN_BUDGET if features.pro else 0}
    wanted = BUDGETS[effort] if effort is not None else budget or 0
    least = _MIN_LITE if features.lite else _MIN_BUDGET
    return {"thinkingBudget": min(max(wanted, least), _MAX_BUDGET)}


def _limit(body: Body) -> dict[str, int]:
    newer = body.take("max_completion_tokens", _WHOLE)
    older = body.take("max_tokens", _WHOLE)
    limit = older if newer is None else newer
    if limit is None:
        return {}
    if limit < 1:
        name = "max_tokens" if newer is None else "max_completion_tokens"
        raise InvalidBody(f"`{name}` must be at least 1", param=name)
    return {"maxOutputTokens": limit}


def _stops(body: Body) -> dict[str, Any]:
    given = body.take("stop", _STOP)
    stops = [each for each in ([given] if isinstance(given, str) else given or []) if each]
    if len(stops) > MAX_STOPS:
        raise NotCarried(f"`stop`: at most {MAX_STOPS} can be carried", param="stop")
    return {"stopSequences": stops} if stops else {}


def _several(body: Body) -> dict[str, Any]:
    wanted = body.take("n", _WHOLE)
    if wanted is None or wanted == 1:
        return {}
    if not 1 < wanted <= MAX_CANDIDATES:
        raise NotCarried(f"`n`: 1 to {MAX_CANDIDATES} can be carried", param="n")
    return {"candidateCount": wanted}
