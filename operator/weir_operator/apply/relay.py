"""Relays this replica's gateway states and usage to the replica that holds the Lease.

The first messages carry everything, later ones changes; what changes twice before it is sent is
sent once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from weir_operator.apply.election import Election
from weir_operator.apply.gateways import Gateways, GatewayState
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.apply.usage import GatewayRun
from weir_operator.apply.usage_reports import PolicyKey, UsageReports
from weir_proto.routing.v2 import replicas_pb2 as wire
from weir_proto.routing.v2 import replicas_pb2_grpc as rpc
from weir_proto.routing.v2.routetable_pb2 import BackendHealth, PolicyUsage, RefusedPolicy
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

MIN_RETRY_DELAY = 0.2  # seconds before another try; doubled up to
MAX_RETRY_DELAY = 5.0
WELCOME_TIMEOUT = 10.0  # seconds for the leader's first answer
SEND_TIMEOUT = 30.0
SUMS_PER_MESSAGE = 1000  # of one gateway in one message
OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),  # detects a leader that vanished without closing
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # the other replica is in the same cluster
)

Call = grpc.aio.StreamStreamCall[wire.Relayed, wire.Welcome]


@dataclass(frozen=True, slots=True)
class ReplicaIdentity:
    """How this replica authenticates to the others, and how it verifies them."""

    name: str
    token: Path | None  # its service account's, read at each connection
    tls: Path | None  # a folder with ca.crt or a self-signed tls.crt; None: no TLS
    host: str = ""  # the name in the others' certificate


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts whose changes are relayed."""

    publisher: TablePublisher
    gateways: Gateways
    usage: UsageReports


class Relay:
    """Connects to the leading replica and sends it this one's changes."""

    def __init__(
        self, identity: ReplicaIdentity, sources: Sources, election: Election, registry: Registry
    ) -> None:
        self._identity = identity
        self._publisher = sources.publisher
        self._gateways = sources.gateways
        self._usage = sources.usage
        self._election = election
        self._round = asyncio.Event()
        election.on_round(self._round.set)
        self._up = registry.gauge(
            "weir.operator.relay.up",
            "1 while what this replica's gateways say reaches the one that writes, else 0.",
        ).labels()

    async def run(self) -> None:
        """Relay to the current leader until cancelled."""
        delay = MIN_RETRY_DELAY
        while True:
            address = self._election.holder_address
            if not address:
                await self._next_round()
                continue
            try:
                await self._session(address)
            except grpc.aio.AioRpcError as error:
                extra = {"leader": address, "why": (error.details() or "")[:200]}
                _LOG.warning("can't relay: %s", error.code().name.lower(), extra=extra)
            except (OSError, TimeoutError) as error:
                _LOG.warning("can't relay: %s", error, extra={"leader": address})
            delay = MIN_RETRY_DELAY if self._up.value else min(delay * 2, MAX_RETRY_DELAY)
            self._up.set(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._until_leader_changes(address)

    async def _next_round(self) -> None:
        self._round.clear()
        await self._round.wait()

    async def _session(self, address: str) -> None:
        """Relay to one leader until it loses the Lease."""
        async with await self._channel(address) as channel:
            call: Call = rpc.ReplicasStub(channel).Relay(metadata=await self._metadata())
            async with asyncio.timeout(WELCOME_TIMEOUT):
                hello = wire.Hello(replica=self._identity.name)
                await call.write(wire.Relayed(hello=hello))
                if await call.read() is grpc.aio.EOF:
                    return
            self._up.set(1)
            _LOG.info("relaying", extra={"leader": address})
            telling = asyncio.create_task(self._send(call), name="weir-tell-leader")
            reading = asyncio.create_task(_read_until_end(call), name="weir-hear-leader")
            deposed = asyncio.create_task(
                self._until_leader_changes(address), name="weir-see-leader"
            )
            tasks = {telling, reading, deposed}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            errors = [task.exception() for task in tasks if not task.cancelled()]
            for error in filter(None, errors):
                raise error

    async def _until_leader_changes(self, address: str) -> None:
        while self._election.holder_address == address:
            await self._next_round()

    async def _send(self, call: Call) -> None:
        outbox = Outbox(self._publisher, self._gateways, self._usage)
        try:
            while True:
                for message in outbox.take():
                    async with asyncio.timeout(SEND_TIMEOUT):
                        await call.write(message)
                await outbox.wait()
        except asyncio.InvalidStateError:  # the call is over: the reader reports how it ended
            await asyncio.Future()
        finally:
            outbox.close()

    async def _channel(self, address: str) -> grpc.aio.Channel:
        identity = self._identity
        if identity.tls is None:
            return grpc.aio.insecure_channel(address, options=OPTIONS)
        authority = await asyncio.to_thread(_authority, identity.tls)
        named = (("grpc.ssl_target_name_override", identity.host),) if identity.host else ()
        tls = grpc.ssl_channel_credentials(authority)
        return grpc.aio.secure_channel(address, tls, options=(*OPTIONS, *named))

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._identity.token is None:
            return ()
        token = await asyncio.to_thread(self._identity.token.read_text)
        return (("authorization", f"Bearer {token.strip()}"),)


class Outbox:
    """The changes that the leader does not have yet: at first everything."""

    def __init__(self, publisher: TablePublisher, gateways: Gateways, usage: UsageReports) -> None:
        self._publisher = publisher
        self._gateways = gateways
        self._usage = usage
        self._changed_gateways: dict[str, None] = dict.fromkeys(gateways.local_names())  # in order
        self._changed_sums: dict[tuple[GatewayRun, PolicyKey], None] = dict.fromkeys(usage.keys())
        self._sent_contents: set[str] = set()  # versions whose contents were sent
        self._more = asyncio.Event()
        self._unsubscribe = (
            gateways.on_local_change(self._on_gateway),
            usage.on_growth(self._on_sum),
            publisher.on_publish(self._on_publish),
        )

    def close(self) -> None:
        """Unsubscribe from all changes."""
        for end in self._unsubscribe:
            end()

    async def wait(self) -> None:
        """Wait until there is more to send."""
        await self._more.wait()

    def take(self) -> Iterator[wire.Relayed]:
        """The messages for every change so far."""
        self._more.clear()
        standings, self._changed_gateways = self._changed_gateways, {}
        sums, self._changed_sums = self._changed_sums, {}
        for gateway in standings:
            yield from self._gateway_messages(gateway)
        yield from self._usage_messages(sums)

    def _on_gateway(self, gateway: str) -> None:
        self._changed_gateways[gateway] = None
        self._more.set()

    def _on_publish(self) -> None:
        """A gateway may have reported the version before this replica knew its contents."""
        for gateway in self._gateways.local_names():
            state = self._gateways.local_state(gateway)
            if state is not None and state.running not in self._sent_contents:
                self._on_gateway(gateway)

    def _on_sum(self, source: GatewayRun, key: PolicyKey) -> None:
        self._changed_sums[source, key] = None
        self._more.set()

    def _gateway_messages(self, gateway: str) -> Iterator[wire.Relayed]:
        state = self._gateways.local_state(gateway)
        if state is None:
            lost = self._gateways.is_lost(gateway)
            presence = wire.PRESENCE_LOST if lost else wire.PRESENCE_LEFT
            yield wire.Relayed(standing=wire.Standing(gateway=gateway, presence=presence))
            return
        versions = {state.running, state.refusal.version if state.refusal else ""}
        for version in sorted(versions - self._sent_contents):
            contents = self._publisher.contents(version)
            if contents is not None:
                self._sent_contents.add(version)
                contents_message = wire.TableContents(version=version, policies=contents)
                yield wire.Relayed(contents=contents_message)
        yield wire.Relayed(standing=_state_message(state))

    def _usage_messages(
        self, sums: dict[tuple[GatewayRun, PolicyKey], None]
    ) -> Iterator[wire.Relayed]:
        by_source: dict[GatewayRun, list[PolicyUsage]] = {}
        for source, key in sums:
            usage = self._usage.sum_of(source, key)
            if usage is not None:
                entry = PolicyUsage(
                    policy=key[0],
                    uid=key[1],
                    requests=usage.requests,
                    strong=usage.strong,
                    paid_micro_usd=usage.paid,
                    saved_micro_usd=usage.saved,
                    judged=usage.judged,
                    unknown=usage.unknown,
                )
                by_source.setdefault(source, []).append(entry)
        for source, entries in by_source.items():
            for at in range(0, len(entries), SUMS_PER_MESSAGE):
                part = entries[at : at + SUMS_PER_MESSAGE]
                usage_of_it = wire.GatewayUsage(
                    gateway=source.gateway, started=source.started, usage=part
                )
                yield wire.Relayed(usage=usage_of_it)


def _state_message(state: GatewayState) -> wire.Standing:
    message = wire.Standing(
        gateway=state.gateway,
        started=state.started,
        stream=state.stream,
        presence=wire.PRESENCE_CONNECTED,
        running=state.running,
        health=[
            BackendHealth(
                backend=h.backend,
                uid=h.uid,
                generation=h.generation,
                calls=h.calls,
                failures=h.failures,
                last_failure=h.last_failure,
            )
            for h in state.health
        ],
        refused=[RefusedPolicy(policy=r.policy, reason=r.reason) for r in state.refused],
    )
    if state.refusal is not None:
        refusal = state.refusal
        message.refusal.CopyFrom(
            wire.Refusal(version=refusal.version, policy=refusal.policy, reason=refusal.reason)
        )
    return message


async def _read_until_end(call: Call) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def _authority(folder: Path) -> bytes:
    authority = folder / "ca.crt"
    return (authority if authority.exists() else folder / "tls.crt").read_bytes()
