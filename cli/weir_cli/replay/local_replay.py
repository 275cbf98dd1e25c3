"""A local Weir for policy files, its backends replaced by the stand-in: nothing is paid for.

What is decided is what the real thing would decide; only the answers are made up.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from weir_cli.addresses import bound_address, url
from weir_cli.addresses import listen as listening
from weir_cli.failure import Failure
from weir_cli.local import runner
from weir_cli.local.mock_provider import mock_provider
from weir_cli.local.runner import Hooks, Options, Policies
from weir_cli.up import compile_policies, say
from weir_runtime.loop import run
from weir_runtime.quantities import Address

_ANY = Address(host="127.0.0.1", port=0)
_OPENAI = "PROTOCOL_OPENAI"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate of the policy: its name in headers, and the names that it may be recorded by."""

    name: str
    aliases: tuple[str, ...]


def candidates(policies: Policies, policy: str | None) -> tuple[Candidate, ...]:
    """Those of a policy, weakest first; of the only one where none is named. Raises Failure."""
    table = route_table(policies)
    known: list[Mapping[str, Any]] = table.get("policies", [])
    named = [p for p in known if policy is None or policy in {p["id"], p["id"].split("/")[-1]}]
    if len(named) != 1:
        names = ", ".join(str(p["id"]) for p in known) or "none"
        raise Failure("Name one policy with --policy.", hint=f"There are: {names}")
    backends = {backend["id"]: backend for backend in table["backends"]}
    return tuple(
        Candidate(b["name"], tuple(str(b.get(k, "")) for k in ("name", "profile", "model")))
        for b in (backends[each] for each in named[0]["candidates"])
    )


def client_model(policies: Policies, policy: str | None) -> str:
    """A model name that the policy matches."""
    for each in route_table(policies).get("policies", []):
        if policy is None or policy in {each["id"], each["id"].split("/")[-1]}:
            models: list[str] = each.get("match", {}).get("models", [])
            if models:
                return models[0]
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
    with listening(_ANY) as found:
        at = bound_address(found)
    options = Options(paths, bundle.resolve(), _ANY, _ANY, environment={"WEIR_LOG_LEVEL": "error"})
    made: list[T] = []

    async def main(stop: asyncio.Event) -> int:
        async def ready(served: str) -> None:
            made.append(await then(served))
            stop.set()

        hooks = Hooks(
            lambda: with_endpoints_at(compile_policies(paths, bundle), url(at)), ready, say
        )
        async with mock_provider(at, ("--script", str(script)) if script else (), say):
            return await runner.run(options, hooks, stop)

    run(main)
    if not made:
        raise Failure("It was stopped before every prompt was answered.")
    return made[0]


def with_endpoints_at(policies: Policies, at: str) -> Policies:
    """The same policies with every backend served by the stand-in at a URL."""
    table = route_table(policies)
    for backend in table.get("backends", []):
        wire = backend.get("protocol", _OPENAI)
        backend["endpoint"] = f"{at}/v1" if wire == _OPENAI else at
    return replace(policies, table=json.dumps(table).encode())


def route_table(policies: Policies) -> dict[str, Any]:
    """The compiled table, as its JSON says."""
    return cast("dict[str, Any]", json.loads(policies.table))
