"""A local Weir for policy files, with every backend served by the mock provider.

Its decisions are the real ones; only the answers are made up, so nothing is paid for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weir_cli.addresses import ANY_LOOPBACK_PORT, free_address, url
from weir_cli.failure import Failure
from weir_cli.local import runner
from weir_cli.local.mock_provider import mock_provider
from weir_cli.local.runner import Hooks, Options
from weir_cli.output import say
from weir_cli.policy_files import (
    Policies,
    compile_policies,
    named_policies,
    with_endpoints_at,
)
from weir_policy.ids import BackendId
from weir_policy.model_patterns import sample_model
from weir_runtime.loop import run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate of the policy: its name in headers, and the names that it may be recorded by."""

    name: str
    aliases: tuple[str, ...]


def candidates(policies: Policies, policy: str | None) -> tuple[Candidate, ...]:
    """Those of a policy, weakest first; of the only one where none is named. Raises Failure."""
    table = policies.table
    matching = named_policies(table, policy)
    if len(matching) != 1:
        names = ", ".join(entry.id for entry in table.policies) or "none"
        raise Failure("Name one policy with --policy.", hint=f"There are: {names}")
    backends = {entry.id: entry for entry in table.backends}
    chosen = [backends[BackendId(each.backend)] for each in matching[0].spec.candidates]
    return tuple(
        Candidate(b.name, (b.name, b.spec.profile or b.spec.model, b.spec.model)) for b in chosen
    )


def client_model(policies: Policies, policy: str | None) -> str:
    """A model name that the policy matches."""
    for entry in named_policies(policies.table, policy):
        if entry.spec.match.models:
            return sample_model(entry.spec.match.models[0])
    return "auto"


def replay_locally(
    paths: tuple[Path, ...],
    bundle: Path,
    then: Callable[[str], Awaitable[T]],
    script: Path | None = None,
) -> T:
    """Start everything, give what `then` makes of the gateway's URL, stop everything.

    `script` is what the stand-in is to answer, as far as it says.

    Raises Failure.
    """
    at = free_address(ANY_LOOPBACK_PORT)
    options = Options(
        paths,
        bundle.resolve(),
        ANY_LOOPBACK_PORT,
        ANY_LOOPBACK_PORT,
        environment={"WEIR_LOG_LEVEL": "error"},
    )
    results: list[T] = []

    async def main(stop: asyncio.Event) -> int:
        async def ready(served: str) -> None:
            results.append(await then(served))
            stop.set()

        hooks = Hooks(
            lambda: with_endpoints_at(compile_policies(paths, bundle), url(at)), ready, say
        )
        async with mock_provider(at, ("--script", str(script)) if script else (), say):
            return await runner.run(options, hooks, stop)

    run(main)
    if not results:
        raise Failure("It was stopped before every prompt was answered.")
    return results[0]
