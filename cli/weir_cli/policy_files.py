"""Policy files to a route table, by the operator's own planner; mistakes as a person reads them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from weir_cli.failure import Failure
from weir_operator.local import Compiled, compile_paths
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder


class PolicyMistakes(Failure):
    """The policy files have mistakes; one line for each, with file and line."""

    def __init__(self, mistakes: Sequence[object]) -> None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__(f"the policy files have {count}:\n{lines}")


def compile_files(paths: Sequence[Path], bundle: Path) -> Compiled:
    """Compile for the routers that `bundle` has. Raises Rejected, and Failure for a bad bundle."""
    try:
        routers = frozenset(Folder.open(bundle).manifest.routers)
    except BundleError as broken:
        raise Failure(str(broken), hint=f"weir bundle build --out {bundle}") from broken
    done = compile_paths(paths, routers=routers)
    if done.mistakes:
        raise PolicyMistakes(done.mistakes)
    return done


def credentials_json(done: Compiled) -> bytes:
    """The secrets' values as the gateway reads them; for a private file and nothing else."""
    return json.dumps([asdict(credential) for credential in done.credentials]).encode()
