"""Policies from files, folders or objects, compiled to the table that routing runs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.errors import PolicyMistakes, mapped
from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.table import RouteTable
from weir_operator.local import compile_paths
from weir_operator.plan.warnings import Certificates
from weir_policy.model_patterns import sample_model
from weir_scorer import Bundle

ANY_MODEL = "auto"

Resource = Mapping[str, Any]  # a RoutePolicy or ModelBackend, as its YAML reads
PolicySource = str | os.PathLike[str] | Resource | Sequence[str | os.PathLike[str] | Resource]


@dataclass(frozen=True, slots=True)
class Policies:
    """Compiled policies."""

    table: RouteTable
    warnings: tuple[str, ...]  # what is valid and probably not meant

    @property
    def first_model(self) -> str:
        """`auto` where a policy serves it, else the first name that the first policy serves."""
        names = [sample_model(name) for policy in self.table.policies for name in policy.models]
        return ANY_MODEL if ANY_MODEL in names or not names else names[0]


def compile_policies(source: PolicySource, bundle: Bundle) -> Policies:
    """Compile for what `bundle` has. Raises PolicyMistakes."""
    paths: list[Path] = []
    documents: list[Resource] = []
    for each in _each(source):
        if isinstance(each, Mapping):
            documents.append(each)
        else:
            paths.append(Path(each))
    compiled = compile_paths(
        paths,
        documents=documents,
        routers=frozenset(bundle.routers),
        certificates=_certificates(bundle),
    )
    if compiled.mistakes:
        raise PolicyMistakes([str(mistake) for mistake in compiled.mistakes])
    with mapped():
        table = build(compiled.table, None).table
    return Policies(table, tuple(map(str, compiled.warnings)))


def _each(source: PolicySource) -> Iterator[str | os.PathLike[str] | Resource]:
    if isinstance(source, str | os.PathLike | Mapping):
        yield source
    else:
        yield from source


def _certificates(bundle: Bundle) -> Certificates:
    """What each router is certified for; "" is the default router."""
    rows = {
        router.name: tuple((row.retention, row.confidence) for row in router.calibration.retention)
        for router in bundle.description().routers
    }
    return {**rows, "": rows.get(bundle.default_router, ())}
