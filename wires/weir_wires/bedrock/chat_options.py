"""What a chat request asks for beside its messages and tools, on Bedrock's Converse."""

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.bedrock import families
from weir_wires.bedrock.families import Family
from weir_wires.chat_to_messages import options
from weir_wires.chat_to_messages.tools import output_format
from weir_wires.model_features import claude_features
from weir_wires.request_body import Body

# Converse's own fields, which a client may write beside OpenAI's.
OWN: Final = ("guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata")
_ADDITIONAL: Final = "additionalModelRequestFields"
_TIERS: Final = frozenset({"default", "flex", "priority"})
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.\-]{0,256}")
_MAX_METADATA: Final = 16

_TEXT: Final = msgspec.json.Decoder(str)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Inference:
    """Sampling, bounds and reasoning."""

    fields: dict[str, Any]
    effort: str | None  # for `outputConfig`


def inference(
    body: Body, model: str, choice: dict[str, Any] | None, *, resumable: bool
) -> Inference:
    """`inferenceConfig`, and what the model's family takes beside it."""
    cap = options.limit(body)
    if families.family(model) is Family.CLAUDE:
        features = claude_features(model)
        thinking = options.thinking(body, features, choice, resumable=resumable, cap=cap)
        additional = thinking.fields
    else:
        thinking, additional = options.NO_THINKING, _by_family(body, model, cap)
    thinks = thinking.on or families.unbounded(additional)
    sampled = options.sampling(body, claude_features(model), thinks=thinks)
    top_k = sampled.pop("top_k", None)
    chosen = families.top_k(model, top_k) if top_k is not None else {}
    if chosen is None:
        body.drop("top_k")
    config = {
        "maxTokens": cap,
        "temperature": sampled.get("temperature"),
        "topP": sampled.get("top_p"),
        "stopSequences": options.stops(body) or None,
    }
    own = body.take(_ADDITIONAL, _OBJECT) or {}
    fields = {
        "inferenceConfig": {name: value for name, value in config.items() if value is not None},
        _ADDITIONAL: {**additional, **(chosen or {}), **own},
    }
    return Inference(fields, thinking.effort)


def output_config(body: Body, effort: str | None) -> dict[str, Any]:
    """The answer's schema, and the effort that it is written with."""
    config: dict[str, Any] = {"effort": effort} if effort is not None else {}
    wanted = output_format(body)
    if wanted is not None:
        schema = bytes(wanted["schema"]).decode("utf-8", "replace")
        structure = {"jsonSchema": {"schema": schema, "name": "answer"}}
        config["textFormat"] = {"type": "json_schema", "structure": structure}
    return {"outputConfig": config}


def tier(body: Body) -> dict[str, Any]:
    """`service_tier`; `auto` is what Bedrock does unasked."""
    wanted = body.take("service_tier", _TEXT)
    if wanted in _TIERS:
        return {"serviceTier": {"type": wanted}}
    if wanted not in {None, "auto"}:
        body.drop("service_tier")
    return {}


def metadata(body: Body) -> dict[str, Any]:
    """`metadata` for Bedrock's invocation logs, as far as they take it."""
    given = body.take("metadata", _OBJECT) or {}
    fitting = {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and name and _fits(name) and _fits(value)
    }
    if len(fitting) < len(given) or len(fitting) > _MAX_METADATA:
        body.drop("metadata")
    return {"requestMetadata": dict(list(fitting.items())[:_MAX_METADATA])}


def _fits(value: str) -> bool:
    return _METADATA.fullmatch(value) is not None


def _by_family(body: Body, model: str, cap: int | None) -> dict[str, Any]:
    """Reasoning of a model that is no Claude."""
    if body.raw("thinking") is not None:
        body.drop("thinking")
    wanted = body.take("reasoning_effort", _TEXT)
    fields: dict[str, Any] | None = {}
    if wanted is not None:
        fields = families.effort(model, wanted, bounded=cap is not None)
    if fields is None:
        body.drop("reasoning_effort")
    return fields or {}
