"""The operator's planner for local files: what `weir up` and `weir policy` run.

Compiles as on a cluster; problems name file and line.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from weir_operator.files.load import FileMistake, LoadedFiles, load
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import PRICE_DAYS, Reason
from weir_operator.plan.prices import Prices
from weir_operator.plan.promises import Proofs
from weir_operator.plan.secrets import Credential
from weir_policy.catalog.catalog import Catalog, packaged
from weir_policy.table import Table


@dataclass(frozen=True, slots=True)
class Compiled:
    """The result of compiling files. `table` holds every valid policy, despite mistakes."""

    table: Table
    table_json: bytes  # the table as the gateway reads it from a file
    credentials: tuple[Credential, ...] = field(repr=False)  # the values that the table refers to
    mistakes: tuple[FileMistake, ...]  # sorted by file and line
    warnings: tuple[FileMistake, ...] = ()  # what is valid and probably not meant


def compile_paths(
    paths: Iterable[Path],
    *,
    documents: Iterable[object] = (),
    routers: frozenset[str] | None = None,
    proofs: Proofs | None = None,
    catalog: Catalog | None = None,
) -> Compiled:
    """Compile files and folders of YAML. Never raises: what can't be read is a mistake.

    `documents` are resources in memory, as their YAML reads.
    `routers` and `proofs` are those of the scorer's bundle, where it is known; `catalog` is
    the package's where none is given. No policy at all is a mistake too.
    """
    loaded = load(paths, documents)
    plan = compile_table(
        loaded.resources,
        Form.FILE,
        routers=routers,
        proofs=proofs,
        prices=Prices(packaged() if catalog is None else catalog, oldest_price()),
    )
    mistakes = [*loaded.mistakes, *_planned(loaded, plan)]
    if not mistakes and not plan.table.policies:
        mistakes.append(FileMistake("", 0, "", "there is no RoutePolicy", "write one"))
    warnings = (
        loaded.origins[ref].mistake(one.path, one.message, one.hint) for ref, one in plan.warnings
    )
    return Compiled(
        plan.table,
        plan.table_json + b"\n",
        plan.credentials,
        tuple(sorted(mistakes)),
        tuple(sorted(warnings)),
    )


def oldest_price() -> str:
    """The day, as YYYY-MM-DD, before which a catalog's price is old."""
    return (datetime.now(UTC).date() - timedelta(days=PRICE_DAYS)).isoformat()


def _planned(loaded: LoadedFiles, plan: Plan) -> Iterable[FileMistake]:
    """The planner's problems, without the ones that the loader has reported."""
    invalid = {resource.meta.ref for resource in loaded.resources.invalid}
    for ref, problem in plan.problems:
        if ref not in invalid or problem.reason is not Reason.INVALID_SPEC:
            message = f"{problem.reason}: {problem.message}"
            yield loaded.origins[ref].mistake(problem.path, message, problem.hint)
