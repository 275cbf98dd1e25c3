"""A LiteLLM proxy's configuration as policies and backends: one policy for each model name.

Deployments of one model under one name become one backend with several endpoints. A fallback
becomes the policy's second candidate, which answers only where the first one fails.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from weir_cli.importing.deployments import Deployment, attempts, read_deployment, seconds
from weir_cli.importing.explanations import explanation
from weir_cli.importing.result import Document, Imported, resource, resource_name
from weir_cli.importing.source import Section, Source
from weir_policy.catalog.catalog import packaged

OWN_WEIGHT: Final = 10  # of a backend's own endpoint, which the others' weights are relative to
MAX_WEIGHT: Final = 1000
# LiteLLM's lists of fallbacks, and the failures after which Weir uses one.
FALLBACKS: Final = {
    "fallbacks": ("down", "rateLimit", "contextLength", "contentFilter", "cannotCarry"),
    "context_window_fallbacks": ("contextLength",),
    "content_policy_fallbacks": ("contentFilter",),
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """The first model that LiteLLM tries after another one."""

    group: str
    on: tuple[str, ...]


@dataclass(slots=True)
class Settings:
    """What the configuration says of all models."""

    aliases: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by model name
    fallbacks: dict[str, Fallback] = field(default_factory=dict[str, Fallback])
    default_fallback: str = ""
    cache: Document = field(default_factory=dict[str, Any])
    backend: Document = field(default_factory=dict[str, Any])  # of every ModelBackend


def import_litellm(config: Path) -> Imported:
    """Read `config`. Raises Failure where it can't be read."""
    source = Source.open(config)
    settings = _settings(source.root)
    catalog = packaged()
    groups: dict[str, list[Deployment]] = {}
    for item in source.root.items("model_list"):
        deployment = read_deployment(item, catalog)
        if deployment is not None:
            groups.setdefault(deployment.group, []).append(deployment)
    imported = Imported(config)
    names = {group: _backends(group, groups[group], settings, imported) for group in groups}
    for group in groups:
        imported.policies.append(_policy(group, names, settings, imported, source))
    for path in source.unread():
        source.note(path, explanation(path))
    imported.notes = source.notes
    return imported


def _backends(
    group: str, deployments: list[Deployment], settings: Settings, imported: Imported
) -> list[str]:
    """Add the group's backends; return their names, the cheapest first."""
    models: dict[str, list[Deployment]] = {}
    for deployment in deployments:
        models.setdefault(deployment.identity, []).append(deployment)
    names: list[str] = []
    for same in sorted(models.values(), key=_output_price):
        taken = [b["metadata"]["name"] for b in imported.backends]
        name = resource_name(group if len(models) == 1 else f"{group}-{same[0].model}", taken)
        imported.backends.append(resource("ModelBackend", name, _spec(same, settings)))
        names.append(name)
    return names


def _spec(same: list[Deployment], settings: Settings) -> Document:
    first = same[0]
    limits = {
        "requestsPerMinute": sum(d.requests_per_minute for d in same) or None,
        "tokensPerMinute": sum(d.tokens_per_minute for d in same) or None,
    }
    common = settings.backend
    merged = {key: {**common.get(key, {}), **first.spec[key]} for key in ("timeouts", "retries")}
    return {
        **first.spec,
        **merged,
        "limits": {key: value for key, value in limits.items() if value},
        "breaker": common.get("breaker"),
        "endpoints": [_endpoint(other, first) for other in same[1:]],
    }


def _endpoint(other: Deployment, first: Deployment) -> Document:
    weight = round(OWN_WEIGHT * other.weight / first.weight) if first.weight > 0 else OWN_WEIGHT
    made: Document = {
        key: other.spec[key] for key in ("endpoint", "auth") if other.spec[key] != first.spec[key]
    }
    bounded = min(max(weight, 1), MAX_WEIGHT)
    return made | ({"weight": bounded} if bounded != OWN_WEIGHT or not made else {})


def _policy(
    group: str,
    names: Mapping[str, list[str]],
    settings: Settings,
    imported: Imported,
    source: Source,
) -> Document:
    own = names[group]
    fallback = settings.fallbacks.get(group) or Fallback(
        settings.default_fallback, FALLBACKS["fallbacks"]
    )
    after = [name for name in names.get(fallback.group, ())[:1] if name not in own]
    spec: Document = {
        "match": {"models": [group, *settings.aliases.get(group, ())]},
        "cache": settings.cache,
    }
    if len(own) > 1:
        spec |= _load_balanced(group, own, source, fallback=bool(after))
    elif after:
        spec |= _first_then(own[0], after[0], fallback.on)
    else:
        spec["candidates"] = [{"backend": own[0]}]
    taken = [p["metadata"]["name"] for p in imported.policies]
    return resource("RoutePolicy", resource_name(group, taken), spec)


def _first_then(first: str, second: str, on: tuple[str, ...]) -> Document:
    """The first candidate answers every request, the second one where it fails."""
    return {
        "candidates": [{"backend": first}, {"backend": second}],
        "rules": [{"name": "primary", "when": "true", "use": first}],
        "objective": {"threshold": "1"},
        "failureMode": {"upstream": [second], "fallbackOn": list(on)},
    }


def _load_balanced(group: str, own: list[str], source: Source, *, fallback: bool) -> Document:
    """Half of the requests to each of the two cheapest models, drawn by lot."""
    text = f"the different models of {group} were load-balanced: now half of the requests go to "
    text += "each of two, drawn by lot; remove `router` to choose by the prompt instead"
    left = ", ".join(own[2:])
    text += f"; {left} left out: write a budget objective to use more than two" if left else ""
    text += "; its fallback is left out" if fallback else ""
    source.remark(("model_list",), text)
    return {
        "candidates": [{"backend": name} for name in own[:2]],
        "router": {"name": "random"},
        "objective": {"strongShare": "50%"},
        "failureMode": {"upstream": own[:2]},
    }


def _output_price(same: list[Deployment]) -> float:
    return same[0].output_price


def _settings(root: Section) -> Settings:
    litellm, router = root.section("litellm_settings"), root.section("router_settings")
    settings = Settings()
    for section in (litellm, router):
        _read_fallbacks(section, settings)
        settings.backend |= _backend_settings(section)
    for alias, model in _pairs(router.take("model_group_alias")):
        settings.aliases.setdefault(model, []).append(alias)
    settings.cache = _cache(litellm)
    return settings


def _read_fallbacks(section: Section, settings: Settings) -> None:
    for name, kinds in FALLBACKS.items():
        for group, models in _lists(section.take(name)):
            known = settings.fallbacks.get(group)
            if known is not None and known.group == models[0]:
                settings.fallbacks[group] = replace(
                    known, on=tuple(dict.fromkeys((*known.on, *kinds)))
                )
            elif known is None:
                settings.fallbacks[group] = Fallback(models[0], kinds)
            if len(models) > 1 or (known is not None and known.group != models[0]):
                first = settings.fallbacks[group].group
                section.note(name, f"{group}: {first} alone is its fallback: a policy has one")
    default = _texts(section.take("default_fallbacks"))
    settings.default_fallback = settings.default_fallback or (default[0] if default else "")
    if len(default) > 1:
        section.note("default_fallbacks", f"{default[0]} alone: a policy has one fallback")


def _backend_settings(section: Section) -> Document:
    made: Document = {}
    total = seconds(section.number("timeout") or section.number("request_timeout"))
    first = seconds(section.number("stream_timeout"))
    timeouts = {k: v for k, v in (("firstToken", first), ("total", total)) if v is not None}
    retries = section.number("num_retries")
    failures, cooldown = section.number("allowed_fails"), section.number("cooldown_time")
    if timeouts:
        made["timeouts"] = timeouts
    if retries is not None:
        made["retries"] = attempts(retries)
    if failures is not None or cooldown:
        allowed = 3 if failures is None else max(int(failures), 0)
        opened = {"open": seconds(cooldown)} if cooldown else {}
        made["breaker"] = {"failures": allowed + 1, "window": "60s", **opened}
    return made


def _cache(litellm: Section) -> Document:
    if litellm.take("cache") is not True:
        return {}
    params = litellm.section("cache_params")
    ttl = seconds(params.number("ttl")) or "1m"
    if params.text("type").startswith("redis"):
        params.note("type", "set WEIR_REDIS, which all gateways then share")
    # LiteLLM's cache is one for all keys and takes any temperature.
    return {"exact": {"ttl": ttl}, "scope": "policy", "temperature": "any"}


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    """Alias and model; LiteLLM takes `{model: ..., hidden: true}`, too."""
    if isinstance(value, dict):
        for alias, model in cast("dict[object, object]", value).items():
            if isinstance(model, dict):
                yield str(alias), str(cast("dict[object, object]", model).get("model", ""))
            else:
                yield str(alias), str(model)


def _lists(value: object) -> Iterator[tuple[str, list[str]]]:
    """`[{group: [model, ...]}]`."""
    for item in cast("list[object]", value) if isinstance(value, list) else ():
        if isinstance(item, dict):
            for group, models in cast("dict[object, object]", item).items():
                texts = _texts(models)
                if texts:
                    yield str(group), texts


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [item for item in cast("list[object]", value) if isinstance(item, str)]
