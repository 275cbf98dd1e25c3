"""The options of a RouteLLM server as one policy with two backends.

RouteLLM's clients write `router-mf-0.11593`: the policy takes such names and `auto`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weir_cli.importing.providers import OPENAI, PROVIDERS, split_model
from weir_cli.importing.result import Document, Imported, resource, resource_name
from weir_cli.importing.source import Note, Source

ROUTERS: Final = frozenset({"mf", "sw_ranking", "random"})  # that Weir's default bundle has, too
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class RouteLLM:
    """The options of RouteLLM's server that matter here."""

    routers: tuple[str, ...]
    strong_model: str
    weak_model: str
    base_url: str
    strong_share: float  # (0,1): the share its thresholds were calibrated for
    config: Path | None


def import_routellm(options: RouteLLM) -> Imported:
    """One policy. Raises Failure where `options.config` can't be read."""
    imported = Imported(Path("routellm") if options.config is None else options.config)
    names = [
        _backend(model, option, options, imported)
        for option, model in (
            ("--weak-model", options.weak_model),
            ("--strong-model", options.strong_model),
        )
    ]
    imported.policies.append(_policy(options, names, imported))
    if options.config is not None:
        source = Source.open(options.config)
        for path in source.unread():
            text = "left out: a bundle has the routers; train one on your labels (docs/training.md)"
            source.note(path, text)
        imported.notes += source.notes
    return imported


def _backend(model: str, option: str, options: RouteLLM, imported: Imported) -> str:
    prefix, id_ = split_model(model)
    provider = PROVIDERS.get(prefix, OPENAI)
    if prefix not in PROVIDERS and not options.base_url:
        text = f"the provider {prefix} is not known here: write spec.endpoint and spec.auth"
        imported.notes.append(Note(0, option, text))
    spec: dict[str, Any] = {
        "protocol": "openai" if options.base_url else provider.protocol,
        "endpoint": options.base_url.rstrip("/") or provider.endpoint or OPENAI.endpoint,
        "model": model if options.base_url else id_,
        "auth": {"env": provider.key} if provider.key else {},
    }
    name = resource_name(id_, [b["metadata"]["name"] for b in imported.backends])
    imported.backends.append(resource("ModelBackend", name, spec))
    imported.notes.append(
        Note(0, option, f"write price into the backend {name}: RouteLLM knows none")
    )
    return name


def _policy(options: RouteLLM, names: list[str], imported: Imported) -> Document:
    for router in options.routers:
        if router not in ROUTERS:
            text = f"Weir has no router {router}: requests for it are refused"
            imported.notes.append(Note(0, "--routers", text))
    known = [router for router in options.routers if router in ROUTERS]
    imported.notes.append(
        Note(
            0,
            "--strong-model-pct",
            "thresholds were calibrated on other scores: strongShare replaces them, and "
            "`weir explain` shows what router-mf-0.11593 does now",
        )
    )
    spec: Document = {
        "match": {"models": ["auto"]},
        "candidates": [{"backend": name} for name in names],
        "router": {"name": known[0] if known else DEFAULT},
        "objective": {"strongShare": f"{options.strong_share * 100:g}%"},
        "failureMode": {"scorer": "strong", "upstream": names[::-1]},
        "expose": {"clientThreshold": {"min": "0", "max": "1"}, "score": True},
    }
    return resource("RoutePolicy", "routellm", spec)
