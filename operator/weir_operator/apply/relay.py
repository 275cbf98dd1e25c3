"""Tells the replica that holds the Lease what the gateways of this one say.

All that is known comes first, then changes as they happen; what changes twice before it is sent is
sent once. Must not know Kubernetes, nor what is done with it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from weir_operator.apply.board import Board
from weir_operator.apply.election import Election
from weir_operator.apply.gateways import Gateways, Standing
from weir_operator.apply.reported import Key, Reported
from weir_operator.apply.usage import Source
from weir_proto.routing.v1 import replicas_pb2 as wire
from weir_proto.routing.v1 import replicas_pb2_grpc as rpc
from weir_proto.routing.v1.routetable_pb2 import BackendHealth, PolicyUsage
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

FIRST_PAUSE = 0.2  # seconds before another try; doubled up to
LONGEST_PAUSE = 5.0
WELCOME_SECONDS = 10.0  # an answer takes no longer, or it is somebody else who answers
SEND_SECONDS = 30.0
SUMS_AT_ONCE = 1000  # of one gateway in one message
OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),  # a leader that vanished without a word is noticed
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # the other replica is a neighbour
)

Call = grpc.aio.StreamStreamCall[wire.Relayed, wire.Welcome]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this replica is for the others, and how it knows them."""

    name: str
    token: Path | None  # its service account's, read afresh at each connection
    tls: Path | None  # a folder with ca.crt, or a tls.crt that signed itself; None: no TLS
    host: str = ""  # the name in the others' certificate


@dataclass(frozen=True, slots=True)
class News:
    """Where what is told is known."""

    board: Board
    gateways: Gateways
    reported: Reported


class Relay:
    """This replica as one that follows."""

    def __init__(
        self, identity: Identity, news: News, election: Election, registry: Registry
    ) -> None:
        self._identity = identity
        self._board = news.board
        self._gateways = news.gateways
        self._reported = news.reported
        self._election = election
        self._round = asyncio.Event()
        election.listen(self._round.set)
        self._up = registry.gauge(
            "weir.operator.relay.up",
            "1 while what this replica's gateways say reaches the one that writes, else 0.",
        ).labels()

    async def run(self) -> None:
        """Follow whoever leads, until cancelled."""
        pause = FIRST_PAUSE
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
            pause = FIRST_PAUSE if self._up.value else min(pause * 2, LONGEST_PAUSE)
            self._up.set(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._while_held_by(address)

    async def _next_round(self) -> None:
        self._round.clear()
        await self._round.wait()

    async def _session(self, address: str) -> None:
        """Tell one leader until it is none any more."""
        async with await self._channel(address) as channel:
            call: Call = rpc.ReplicasStub(channel).Relay(metadata=await self._metadata())
            async with asyncio.timeout(WELCOME_SECONDS):
                hello = wire.Hello(replica=self._identity.name)
                await call.write(wire.Relayed(hello=hello))
                if await call.read() is grpc.aio.EOF:
                    return
            self._up.set(1)
            _LOG.info("relaying", extra={"leader": address})
            telling = asyncio.create_task(self._tell(call), name="weir-tell-leader")
            reading = asyncio.create_task(_until_over(call), name="weir-hear-leader")
            deposed = asyncio.create_task(self._while_held_by(address), name="weir-see-leader")
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

    async def _while_held_by(self, address: str) -> None:
        while self._election.holder_address == address:
            await self._next_round()

    async def _tell(self, call: Call) -> None:
        outbox = Outbox(self._board, self._gateways, self._reported)
        try:
            while True:
                for message in outbox.take():
                    async with asyncio.timeout(SEND_SECONDS):
                        await call.write(message)
                await outbox.wait()
        except asyncio.InvalidStateError:  # the call is over, which is the reader's to tell
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
    """What is not told yet: at first everything."""

    def __init__(self, board: Board, gateways: Gateways, reported: Reported) -> None:
        self._board = board
        self._gateways = gateways
        self._reported = reported
        self._standings: dict[str, None] = dict.fromkeys(gateways.here())  # in order
        self._sums: dict[tuple[Source, Key], None] = dict.fromkeys(reported.all())
        self._explained: set[str] = set()  # versions whose contents were told
        self._more = asyncio.Event()
        self._ends = (
            gateways.follow(self._standing),
            reported.follow(self._sum),
            board.listen(self._published),
        )

    def close(self) -> None:
        """Hear of nothing more."""
        for end in self._ends:
            end()

    async def wait(self) -> None:
        """Until there is more to tell."""
        await self._more.wait()

    def take(self) -> Iterator[wire.Relayed]:
        """All that is to be told now."""
        self._more.clear()
        standings, self._standings = self._standings, {}
        sums, self._sums = self._sums, {}
        for gateway in standings:
            yield from self._of_gateway(gateway)
        yield from self._of_sums(sums)

    def _standing(self, gateway: str) -> None:
        self._standings[gateway] = None
        self._more.set()

    def _published(self) -> None:
        """A gateway may have named the version before this replica knew what it holds."""
        for gateway in self._gateways.here():
            own = self._gateways.own(gateway)
            if own is not None and own.running not in self._explained:
                self._standing(gateway)

    def _sum(self, source: Source, key: Key) -> None:
        self._sums[source, key] = None
        self._more.set()

    def _of_gateway(self, gateway: str) -> Iterator[wire.Relayed]:
        own = self._gateways.own(gateway)
        if own is None:
            lost = self._gateways.lost(gateway)
            presence = wire.PRESENCE_LOST if lost else wire.PRESENCE_LEFT
            yield wire.Relayed(standing=wire.Standing(gateway=gateway, presence=presence))
            return
        versions = {own.running, own.refusal.version if own.refusal else ""}
        for version in sorted(versions - self._explained):
            contents = self._board.contents(version)
            if contents is not None:
                self._explained.add(version)
                told = wire.TableContents(version=version, policies=contents)
                yield wire.Relayed(contents=told)
        yield wire.Relayed(standing=_message(own))

    def _of_sums(self, sums: dict[tuple[Source, Key], None]) -> Iterator[wire.Relayed]:
        by_source: dict[Source, list[PolicyUsage]] = {}
        for source, key in sums:
            usage = self._reported.sum_of(source, key)
            if usage is not None:
                entry = PolicyUsage(
                    policy=key[0],
                    uid=key[1],
                    requests=usage.requests,
                    strong=usage.strong,
                    paid_micro_usd=usage.paid,
                    saved_micro_usd=usage.saved,
                )
                by_source.setdefault(source, []).append(entry)
        for source, entries in by_source.items():
            for at in range(0, len(entries), SUMS_AT_ONCE):
                part = entries[at : at + SUMS_AT_ONCE]
                usage_of_it = wire.GatewayUsage(
                    gateway=source.gateway, started=source.started, usage=part
                )
                yield wire.Relayed(usage=usage_of_it)


def _message(standing: Standing) -> wire.Standing:
    message = wire.Standing(
        gateway=standing.gateway,
        started=standing.started,
        stream=standing.stream,
        presence=wire.PRESENCE_CONNECTED,
        running=standing.running,
        health=[
            BackendHealth(
                backend=h.backend,
                uid=h.uid,
                generation=h.generation,
                calls=h.calls,
                failures=h.failures,
                last_failure=h.last_failure,
            )
            for h in standing.health
        ],
    )
    if standing.refusal is not None:
        refusal = standing.refusal
        message.refusal.CopyFrom(
            wire.Refusal(version=refusal.version, policy=refusal.policy, reason=refusal.reason)
        )
    return message


async def _until_over(call: Call) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def _authority(folder: Path) -> bytes:
    authority = folder / "ca.crt"
    return (authority if authority.exists() else folder / "tls.crt").read_bytes()
