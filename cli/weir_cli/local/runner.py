"""A local Weir from its first process to its last: start, ready, follow the files, drain."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from weir_cli.addresses import url
from weir_cli.failure import Failure
from weir_cli.local import programs
from weir_cli.local.ports import Ports, reserve
from weir_cli.local.programs import Program, StateFolder
from weir_cli.local.supervisor import Child, EndedBeforeReady, NotReady, Say, wait_ready
from weir_cli.local.watch_files import changes
from weir_cli.policy_files import Policies
from weir_runtime.quantities import Address

_READY_WITHIN = 120.0  # a cold start loads the encoder and warms it up
_DRAIN = 35.0  # open requests' time to end; longer than the gateway's own
_SCORER_STOP = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is to run, and where."""

    paths: Sequence[Path]
    bundle: Path
    listen: Address
    admin: Address
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict[str, str])  # further settings


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the caller provides."""

    compile: Callable[[], Policies]  # raises Failure, its message for a person
    ready: Callable[[str], Awaitable[None]]  # called with the URL once it serves
    say: Say


async def run(options: Options, hooks: Hooks, stop: asyncio.Event) -> int:
    """Run until `stop`; gives the exit code. Raises Failure."""
    policies = await asyncio.to_thread(hooks.compile)
    ports = reserve(options.listen, options.admin, options.workers)
    try:
        with tempfile.TemporaryDirectory(prefix="weir-") as folder:
            state = StateFolder(Path(folder))
            state.write(policies.table_json, policies.credentials)
            await _Local(options, hooks, state, ports).run(stop)
    except* (EndedBeforeReady, NotReady, Failure) as broken:
        cause = _first(broken)
        if isinstance(cause, Failure):
            raise cause from None
        raise Failure(str(cause), hint="Its own messages are above.") from cause
    finally:
        ports.close()
    return 0


class _Local:
    def __init__(self, options: Options, hooks: Hooks, state: StateFolder, ports: Ports) -> None:
        self._options = options
        self._hooks = hooks
        self._state = state
        self._ports = ports
        scorer = programs.scorer(bundle=options.bundle, state=state, admin=ports.scorer)
        self._scorer = self._child(scorer)
        self._gateways = [
            self._child(
                programs.gateway(state=state, listen=ports.serve, admin=admin, worker=worker)
            )
            for worker, admin in enumerate(ports.gateways)
        ]

    def _child(self, program: Program) -> Child:
        environment = {**self._options.environment, **program.environment}
        return Child(replace(program, environment=environment), self._hooks.say)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._keep(group, self._scorer)
            following = group.create_task(self._follow(stop), name="follow the policy files")
            serving = group.create_task(self._serve(group), name="say when it serves")
            try:
                await stop.wait()
            finally:
                following.cancel()
                serving.cancel()
                await self._drain()

    def _keep(self, group: asyncio.TaskGroup, child: Child) -> None:
        group.create_task(child.supervise(), name=f"keep the {child.program.name}")

    async def _serve(self, group: asyncio.TaskGroup) -> None:
        """Start the scorer first, so that gateways find it."""
        await self._proven([self._scorer], [self._ports.scorer])
        for gateway in self._gateways:
            self._keep(group, gateway)
        await self._proven(self._gateways, self._ports.gateways)
        cause = ", ".join(url(admin) for admin in self._ports.gateways)
        self._hooks.say(f"probes and metrics: gateway {cause}, scorer {url(self._ports.scorer)}")
        await self._hooks.ready(url(self._ports.serve))

    async def _proven(self, children: Sequence[Child], admins: Sequence[Address]) -> None:
        await wait_ready([f"{url(admin)}/readyz" for admin in admins], _READY_WITHIN)
        for child in children:
            child.mark_ready()

    async def _drain(self) -> None:
        """Gateways first: the requests they still answer need the scorer."""
        await asyncio.gather(*(gateway.stop(_DRAIN) for gateway in self._gateways))
        await self._scorer.stop(_SCORER_STOP)

    async def _follow(self, stop: asyncio.Event) -> None:
        async for _ in changes(self._options.paths, stop):
            try:
                policies = await asyncio.to_thread(self._hooks.compile)
            except Failure as refused:
                self._hooks.say(f"the last good policies stay in force: {refused.message}")
            else:
                await asyncio.to_thread(
                    self._state.write, policies.table_json, policies.credentials
                )
                self._hooks.say("policies changed: new requests follow the new ones")


def _first(error: BaseException) -> BaseException:
    """The first error that is not a group."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
