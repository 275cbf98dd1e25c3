"""What an Anthropic request asks for beside its turns, on OpenAI's chat wire."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from weir_wires.bounds import MAX_CHAT_USER, fitting_user
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat.shapes import (
    Format,
    Metadata,
    OutputConfig,
    Thinking,
)
from weir_wires.messages_to_chat.strictness import is_strict
from weir_wires.model_features import is_openai, takes_reasoning_effort, takes_sampling
from weir_wires.request_body import Body, read
from weir_wires.schemas import closed_schema

# The least tokens of thinking that are as much as an effort; below the first it is `low`.
_EFFORTS: Final = ((16_384, "high"), (4_096, "medium"))
_AS_EFFORT: Final = {"xhigh": "high", "max": "high"}  # which not every model of this wire knows
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
MAX_STOPS: Final = 4  # of OpenAI's own models; other servers take more
_SCHEMA_NAME: Final = "answer"  # the chat wire wants one
# Where the model runs is what a client may have to promise: only `global` asks for nothing.
_REGION: Final = "inference_geo"
_ANYWHERE: Final[tuple[Any, ...]] = (None, "global")
# Left out and named where it asks for something. Edits of the context save tokens and no more:
# without them the model reads the whole conversation.
_LEFT_OUT: Final[dict[str, tuple[Any, ...]]] = {
    "container": ({},),
    "context_management": ({}, {"edits": []}),
    "mcp_servers": ([],),
    "speed": ("standard",),
}

_THINKING: Final = msgspec.json.Decoder(Thinking)
_CONFIG: Final = msgspec.json.Decoder(OutputConfig)
_FORMAT: Final = msgspec.json.Decoder(Format)
_METADATA: Final = msgspec.json.Decoder(Metadata)
_NUMBER: Final = msgspec.json.Decoder(float)
_WHOLE: Final = msgspec.json.Decoder(int)
_TEXT: Final = msgspec.json.Decoder(str)
_STOPS: Final = msgspec.json.Decoder(list[str])
_ANY: Final = msgspec.json.Decoder(Any)
_SCHEMA: Final = msgspec.json.Decoder(dict[str, Any])


def refuse(body: Body) -> None:
    """Raise NotCarried for the first field that asks for what the other wire can't do."""
    region = body.take(_REGION, _ANY)
    if region not in _ANYWHERE:
        raise NotCarried(f"`{_REGION}` can't be carried to this model", param=_REGION)


def leave_out(body: Body) -> None:
    """Note what is left out, unless it asks for nothing."""
    for name, idle in _LEFT_OUT.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            body.drop(name)


def limit(body: Body, model: str) -> dict[str, int]:
    """The most tokens of the answer."""
    limit = body.need("max_tokens", _WHOLE)
    if limit < 0:
        raise InvalidBody("`max_tokens` must be at least 1", param="max_tokens")
    if limit == 0:
        raise NotCarried(
            "`max_tokens`: 0 only warms a cache, which this model can't", param="max_tokens"
        )
    newer = takes_reasoning_effort(model)
    return {"max_completion_tokens" if newer else "max_tokens": limit}


def own(body: Body) -> dict[str, Any]:
    """Thinking and sampling in Anthropic's words, for a translator that knows them."""
    fields = {name: body.raw(name) for name in ("thinking", "top_k")}
    own_fields: dict[str, Any] = {name: raw for name, raw in fields.items() if raw is not None}
    config = _config(body)
    if config.effort is not None:
        own_fields["reasoning_effort"] = config.effort
    if config.format is not None:
        own_fields["response_format"] = _format(config.format)
    return own_fields


def sampling(body: Body, model: str) -> dict[str, float]:
    """Temperature and its like, within what the model takes."""
    requested = {
        "temperature": body.take("temperature", _NUMBER),
        "top_p": body.take("top_p", _NUMBER),
    }
    if body.raw("top_k") is not None:
        body.drop("top_k")
    fields = {name: value for name, value in requested.items() if value is not None}
    if takes_sampling(model):
        return fields
    for name, value in fields.items():
        if value != 1:
            body.drop(name)
    return {}


def effort_and_format(body: Body, model: str) -> dict[str, Any]:
    """How hard to think, and the schema that the answer must fit."""
    thinking = body.take("thinking", _THINKING)
    config = _config(body)
    fields: dict[str, Any] = {}
    if takes_reasoning_effort(model):
        effort = _effort(thinking, config)
        fields |= {"reasoning_effort": effort} if effort is not None else {}
    else:
        if thinking is not None and thinking.type != "disabled":
            body.drop("thinking")
        if config.effort is not None:
            body.drop("output_config.effort")
    if config.format is not None:
        fields["response_format"] = _format(config.format)
    return fields


def rest(body: Body, model: str) -> dict[str, Any]:
    """Stop sequences, user id and service tier."""
    stops = body.take("stop_sequences", _STOPS)
    if stops and len(stops) > MAX_STOPS and is_openai(model):
        raise NotCarried(
            f"`stop_sequences`: this model takes {MAX_STOPS} at most", param="stop_sequences"
        )
    fields: dict[str, Any] = {"stop": stops} if stops else {}
    metadata = body.take("metadata", _METADATA)
    if metadata is not None and metadata.user_id:
        fields["user"] = fitting_user(metadata.user_id, MAX_CHAT_USER)
    tier = body.take("service_tier", _TEXT)
    if tier in _TIERS:
        fields["service_tier"] = _TIERS[tier]
    elif tier is not None:
        body.drop("service_tier")
    return fields


def _config(body: Body) -> OutputConfig:
    """`output_config`; its format had a field of its own, `output_format`, which clients keep."""
    config = body.take("output_config", _CONFIG) or OutputConfig()
    format_ = body.take("output_format", _FORMAT)
    return config if config.format is not None else replace(config, format=format_)


def _effort(thinking: Thinking | None, config: OutputConfig) -> str | None:
    """`output_config.effort` if given, else as much as the budget of thinking is."""
    if thinking is not None and thinking.type == "disabled":
        return "low"  # the least that every such model knows
    if config.effort is not None:
        return _AS_EFFORT.get(config.effort, config.effort)
    if thinking is None or thinking.budget_tokens is None:
        return None
    budget = thinking.budget_tokens
    return next((effort for least, effort in _EFFORTS if budget >= least), "low")


def _format(format_: Format) -> dict[str, Any]:
    at = "output_config.format"
    if format_.type != "json_schema":
        raise NotCarried(f"`{at}`: {format_.type!r} can't be carried", param=at)
    if not bytes(format_.schema):
        raise InvalidBody(f"`{at}.schema` is missing", param=f"{at}.schema", code="missing_field")
    closed = closed_schema(format_.schema)
    strict = is_strict(read(closed, _SCHEMA, f"{at}.schema"))
    schema = {"name": _SCHEMA_NAME, "schema": closed, "strict": strict}
    return {"type": "json_schema", "json_schema": schema}
