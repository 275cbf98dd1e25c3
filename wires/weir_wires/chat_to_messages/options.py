"""What a chat request asks for beside its messages and tools, on Anthropic's wire."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.bounds import MAX_MESSAGES_USER, fitting_user
from weir_wires.chat_to_messages.blocks import cache_control
from weir_wires.chat_to_messages.shapes import CacheOptions, Kind
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.model_features import ClaudeFeatures
from weir_wires.request_body import Body, read

# What a client gets that sets no limit: the wire must have one. Every model since Claude 4.5 can
# write four times as much; a larger default makes providers hold more of a rate limit's tokens.
MAX_TOKENS: Final = 16_384
MAX_TEMPERATURE: Final = 1.0
MIN_BUDGET: Final = 1_024  # tokens of thinking; the wire takes no less
# Tokens of thinking for models that know no effort.
BUDGETS: Final = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
_NO_EFFORT: Final = "none"
_DISABLED: Final = "disabled"
_HIGHEST: Final = "xhigh"
_TIERS: Final = {"auto": "auto", "default": "standard_only"}
_FORCED: Final = frozenset({"any", "tool"})

_NUMBER: Final = msgspec.json.Decoder(float)
_WHOLE: Final = msgspec.json.Decoder(int)
_TEXT: Final = msgspec.json.Decoder(str)
_STOP: Final = msgspec.json.Decoder(str | list[str])
_ANY: Final = msgspec.json.Decoder(Any)
_KIND: Final = msgspec.json.Decoder(Kind)
_CACHE: Final = msgspec.json.Decoder(CacheOptions)

# Refused where the client asks for something by them; each with what asks for nothing.
_MUST_BE_IDLE: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "audio": (),
    "modalities": (["text"], []),
    "web_search_options": (),
    "moderation": (),
}


@dataclass(frozen=True, slots=True)
class Thinking:
    """How the model is to think: fields of the request, and what they need of `max_tokens`."""

    fields: dict[str, Any]
    effort: str | None = None
    budget: int = 0  # tokens
    on: bool = False  # it thinks because it was asked to


NO_THINKING: Final = Thinking({})


def refuse(body: Body) -> None:
    """Raise NotCarried for the first field that asks for what the other wire can't do."""
    for name, idle in _MUST_BE_IDLE.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            raise NotCarried(f"`{name}` can't be carried to this model", param=name)


def thinking(
    body: Body,
    features: ClaudeFeatures,
    choice: dict[str, Any] | None,
    *,
    resumable: bool,
    cap: int | None,
) -> Thinking:
    """Thinking as the client's effort asks for it, or as it wrote it on Anthropic's own wire."""
    effort = body.take("reasoning_effort", _TEXT)
    own = body.raw("thinking")
    if own is not None:
        if effort is not None:
            body.drop("reasoning_effort")
        return Thinking({"thinking": own}, on=read(own, _KIND, "thinking").type != _DISABLED)
    if effort is None:
        return NO_THINKING
    if effort not in BUDGETS and effort != _NO_EFFORT:
        raise InvalidBody(
            f"`reasoning_effort`: {effort!r} is none of none, {', '.join(BUDGETS)}",
            param="reasoning_effort",
        )
    forced = choice is not None and choice["type"] in _FORCED
    if features.effort:
        return _by_effort(effort, features, forced=forced)
    if effort == _NO_EFFORT:
        return NO_THINKING  # such a model thinks only when it is asked to
    budget = BUDGETS[effort] if cap is None else min(BUDGETS[effort], cap // 2)
    if forced or not resumable or budget < MIN_BUDGET:
        body.drop("reasoning_effort")
        return NO_THINKING
    fields = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return Thinking(fields, budget=budget, on=True)


def _by_effort(effort: str, features: ClaudeFeatures, *, forced: bool) -> Thinking:
    if effort == _NO_EFFORT:
        return Thinking({"thinking": {"type": _DISABLED}})
    effort = "low" if effort == "minimal" else effort
    effort = "high" if effort == _HIGHEST and not features.highest_effort else effort
    # A model that must call a tool may not be asked to think first; its effort may be set.
    fields = {} if forced else {"thinking": {"type": "adaptive"}}
    return Thinking(fields, effort=effort, on=not forced)


def limit(body: Body) -> int | None:
    """The most tokens that the client wants, None where it doesn't say."""
    newer = body.take("max_completion_tokens", _WHOLE)
    older = body.take("max_tokens", _WHOLE)
    limit = newer if newer is not None else older
    if limit is not None and limit < 1:
        raise InvalidBody("`max_tokens` must be at least 1", param="max_tokens")
    return limit


def sampling(body: Body, features: ClaudeFeatures, *, thinks: bool) -> dict[str, Any]:
    """Temperature and its like, within what the model takes."""
    temperature = body.take("temperature", _NUMBER)
    top_p = body.take("top_p", _NUMBER)
    top_k = body.take("top_k", _WHOLE)
    requested = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    fields = {name: value for name, value in requested.items() if value is not None}
    if not features.sampling or thinks:
        _leave_out(fields, body, *fields)
    if temperature is not None and temperature > MAX_TEMPERATURE and "temperature" in fields:
        fields["temperature"] = MAX_TEMPERATURE
        body.drop("temperature")
    if "temperature" in fields and not features.sampling_together:
        _leave_out(fields, body, "top_p")
    return fields


def _leave_out(fields: dict[str, Any], body: Body, *names: str) -> None:
    for name in names:
        value = fields.pop(name, None)
        if value is not None and (value != 1 or name == "top_k"):  # 1 is the samplers' default
            body.drop(name)


def stops(body: Body) -> list[str]:
    """Stop sequences. Raises NotCarried for white space, which the other wire refuses."""
    stop_option = body.take("stop", _STOP)
    sequences = [stop_option] if isinstance(stop_option, str) else stop_option or []
    for index, stop in enumerate(sequences):
        if not stop.strip():
            at = "stop" if isinstance(stop_option, str) else f"stop[{index}]"
            raise NotCarried(f"`{at}`: white space alone can't be carried", param=at)
    return sequences


def caching(body: Body) -> dict[str, Any]:
    """A breakpoint at the prompt's end, where the client speaks of its cache at all.

    OpenAI caches unasked; here it must be asked for, and costs a quarter more to write.
    """
    key = body.take("prompt_cache_key", _TEXT)
    retention = body.take("prompt_cache_retention", _TEXT)
    options = body.take("prompt_cache_options", _CACHE)
    if options is not None and options.mode == "explicit":
        return {}
    ttl = options.ttl if options is not None and options.ttl else None
    ttl = retention if retention == "24h" else ttl
    if key is None and retention is None and options is None:
        return {}
    return {"cache_control": cache_control(ttl)}


def identity(body: Body) -> dict[str, Any]:
    """User id and service tier."""
    user = body.take("safety_identifier", _TEXT) or body.take("user", _TEXT)
    body.raw("user")
    fields: dict[str, Any] = {}
    if user:
        fields["metadata"] = {"user_id": fitting_user(user, MAX_MESSAGES_USER)}
    tier = body.take("service_tier", _TEXT)
    if tier in _TIERS:
        fields["service_tier"] = _TIERS[tier]
    elif tier is not None:
        body.drop("service_tier")
    return fields
