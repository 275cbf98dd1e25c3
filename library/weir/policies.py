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
from weir_operator.plan.promises import Certificate, Proofs, RouterProof
from weir_policy.model_patterns import sample_model
from weir_scorer import Bundle
from weir_scorer.engine.ports import Calibration

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
        proofs=_proofs(bundle),
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


def _proofs(bundle: Bundle) -> Proofs:
    calibrations = {router.name: router.calibration for router in bundle.description().routers}
    return proofs_of(calibrations, bundle.default_router)


def proofs_of(calibrations: Mapping[str, Calibration], default: str) -> Proofs:
    """What a bundle shows of each router; "" and "default" are the default router."""
    proofs = {name: _proof(calibration) for name, calibration in calibrations.items()}
    default_proof = proofs.get(default, RouterProof())
    return {**proofs, "": default_proof, "default": default_proof}


def _proof(calibration: Calibration) -> RouterProof:
    rows, evidence = calibration.retention, calibration.evidence
    return RouterProof(
        tuple(Certificate(row.retention, row.confidence, row.own) for row in rows),
        evidence.labels if evidence is not None else 0,
        evidence.over_lots.value if evidence is not None else 0.0,
    )
