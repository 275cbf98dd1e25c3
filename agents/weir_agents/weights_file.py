"""The file of agents' weights: one JSON object, written by `weir train --agents`."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, cast

from weir_agents.features import FEATURES
from weir_agents.weights import AgentWeights, Head, Heads, Term

FORMAT: Final = "weir.dev/agentweights/1"
_MOST_CHARS: Final = 200_000  # of a file
_MOST_TERMS: Final = 100  # of one head


class AgentWeightsError(ValueError):
    """A file that holds no agents' weights; the message says where."""


def dump_weights(weights: AgentWeights) -> str:
    """The file's text."""
    return json.dumps(
        {
            "format": FORMAT,
            "harness": weights.harness,
            "models": list(weights.models),
            "date": weights.date,
            "figures": dict(weights.figures),
            "work": _heads_out(weights.work),
            "service": _heads_out(weights.service),
        },
        indent=2,
    )


def load_weights(text: str) -> AgentWeights:
    """The weights in a file's text."""
    if len(text) > _MOST_CHARS:
        raise AgentWeightsError(f"the file has more than {_MOST_CHARS} characters")
    try:
        read = _mapping(json.loads(text), "the file")
    except (json.JSONDecodeError, RecursionError) as error:
        raise AgentWeightsError(f"the file is no JSON: {error}") from error
    if read.get("format") != FORMAT:
        raise AgentWeightsError(f"format is {read.get('format')!r}, and must be {FORMAT!r}")
    figures = _mapping(read.get("figures", {}), "figures")
    return AgentWeights(
        harness=_text(read.get("harness"), "harness"),
        models=tuple(_text(each, "models") for each in _list(read.get("models", []), "models")),
        date=_text(read.get("date", ""), "date"),
        figures={name: _number(value, f"figures.{name}") for name, value in figures.items()},
        work=_heads(read.get("work"), "work"),
        service=_heads(read.get("service", read.get("work")), "service"),
    )


def _heads_out(heads: Heads) -> dict[str, Any]:
    return {"stage": _head_out(heads.stage), "finish": _head_out(heads.finish)}


def _head_out(head: Head) -> dict[str, Any]:
    return {
        "bias": head.bias,
        "terms": [
            {
                "feature": each.feature,
                "weight": each.weight,
                "center": each.center,
                "scale": each.scale,
            }
            for each in head.terms
        ],
    }


def _heads(value: Any, where: str) -> Heads:
    read = _mapping(value, where)
    return Heads(
        stage=_head(read.get("stage"), f"{where}.stage"),
        finish=_head(read.get("finish"), f"{where}.finish"),
    )


def _head(value: Any, where: str) -> Head:
    read = _mapping(value, where)
    terms = _list(read.get("terms", []), f"{where}.terms")
    if len(terms) > _MOST_TERMS:
        raise AgentWeightsError(f"{where}.terms has more than {_MOST_TERMS} entries")
    return Head(
        bias=_number(read.get("bias"), f"{where}.bias"),
        terms=tuple(_term(each, f"{where}.terms[{n}]") for n, each in enumerate(terms)),
    )


def _term(value: Any, where: str) -> Term:
    read = _mapping(value, where)
    feature = _text(read.get("feature"), f"{where}.feature")
    if feature not in FEATURES:
        raise AgentWeightsError(f"{where}.feature is {feature!r}, which is no feature")
    scale = _number(read.get("scale"), f"{where}.scale")
    if scale <= 0:
        raise AgentWeightsError(f"{where}.scale is {scale:g}, and must be above 0")
    weight, center = (_number(read.get(name), f"{where}.{name}") for name in ("weight", "center"))
    return Term(feature, weight, center, scale)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise AgentWeightsError(f"{where} is no object")
    return cast("Mapping[str, Any]", value)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise AgentWeightsError(f"{where} is no list")
    return list(cast("Sequence[Any]", value))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise AgentWeightsError(f"{where} is no text")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise AgentWeightsError(f"{where} is no number")
    return float(value)
