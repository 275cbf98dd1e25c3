"""One Redis or Valkey, shared: a bounded pool, a deadline per call, and rest while it is away.

A server that is not reached is not asked again by requests: a background task asks whether it is
back, so that none of them waits for a deadline meanwhile. Nothing is sent twice: who counts would
count twice. Must not know what is kept there.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Generator
from typing import Any, Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as Client
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from weir_gateway.adapters.redis.errors import (
    READ_ONLY,
    UNREACHABLE,
    RedisProblem,
    RedisUnavailable,
    mapped,
)
from weir_gateway.adapters.redis.url import RedisUrl
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

MIN_VERSION: Final = (6, 0)  # scripts that read the server's clock and then write
CONNECTIONS: Final = 16
TIMEOUT: Final = 0.25  # seconds; a loop that is busy with a burst is late itself
MAX_TIMEOUTS: Final = 3  # in a row: one may be a hiccup of our own
FIRST_WAIT: Final = 0.1  # seconds until an absent server is looked for
MAX_WAIT: Final = 2.0
CONNECT_TIMEOUT: Final = 2.0  # seconds that looking for it may take: nobody waits for that

Argument = str | bytes | int | float


class Script:
    """A Lua script, known to the server by its digest once it was sent whole."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Redis:
    """The server as everybody in the gateway asks it."""

    def __init__(
        self,
        url: RedisUrl,
        registry: Registry,
        *,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        min_version: tuple[int, int] = MIN_VERSION,
    ) -> None:
        """`within` is a call's deadline in seconds; at most `connections` are open.

        A server older than `least` is not used.
        """
        self._url = url
        self._timeout = timeout
        self._min_version = min_version
        self._pool = BlockingConnectionPool(
            connection_class=_connection_class(url),
            max_connections=connections,
            timeout=None,  # the call's deadline counts
            socket_connect_timeout=CONNECT_TIMEOUT,
            protocol=2,
            client_name="weir-gateway",
            driver_info=None,  # telling the library's version reads files at each connection
            retry=Retry(NoBackoff(), 0),
            **url.options(),
        )
        self._client = Client(connection_pool=self._pool)
        self._available = False
        self._timeouts = 0
        self._search = asyncio.Event()
        self._search.set()
        self._why = ""
        self._errors = registry.counter(
            "weir.redis.errors", "Calls to Redis that were in vain, by what went wrong.", ("error",)
        )
        registry.gauge_callback(
            "weir.redis.up",
            "Whether the shared Redis is there and usable.",
            lambda: self._available,
        )

    @property
    def timeout(self) -> float:
        """A call's deadline in seconds."""
        return self._timeout

    @property
    def available(self) -> bool:
        """Whether it is asked at all just now."""
        return self._available

    async def start(self) -> None:
        """Look for it once; a server that is absent is no error, it is looked for again."""
        await self._connect()

    async def run(self) -> None:
        """Look for it whenever it is away, until cancelled; the program's background task."""
        clock = asyncio.get_running_loop().time
        wait, connected_at = FIRST_WAIT, clock()
        while True:
            await self._search.wait()
            if (
                clock() - connected_at > MAX_WAIT
            ):  # else it is one that answers this and refuses that
                wait = FIRST_WAIT
            while not self._available:
                await asyncio.sleep(wait)
                await self._connect()
                wait = min(wait * 2, MAX_WAIT)
            connected_at = clock()

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.disconnect()

    async def call(self, *words: Argument, within: float | None = None) -> Any:
        """One command and its answer, in at most `within` seconds. Raises RedisUnavailable.

        An answer is what Redis says: bytes, a whole number, a list of them, or None.
        """
        return await self._guarded(words, self._timeout if within is None else within)

    async def script(self, script: Script, keys: list[Argument], arguments: list[Argument]) -> Any:
        """Run `script` in one round trip. Raises RedisUnavailable."""
        words = (len(keys), *keys, *arguments)
        try:
            return await self._guarded(("EVALSHA", script.digest, *words), self._timeout)
        except exceptions.NoScriptError:  # a server that is new to it, or was restarted
            return await self._guarded(("EVAL", script.text, *words), self._timeout)

    async def _guarded(self, words: tuple[Argument, ...], within: float) -> Any:
        if not self._available:
            self._errors.labels(RedisProblem.AWAY).add()
            raise RedisUnavailable(RedisProblem.AWAY, self._why)
        try:
            with _cancellable(), mapped(within):
                async with asyncio.timeout(within):
                    answer = await self._client.execute_command(*words)  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownMemberType] - the library leaves it open
        except RedisUnavailable as gone:
            self._failed(gone)
            raise
        self._timeouts = 0
        return answer  # pyright: ignore[reportUnknownVariableType] - as above

    def _failed(self, gone: RedisUnavailable) -> None:
        self._errors.labels(gone.trouble).add()
        if gone.trouble not in UNREACHABLE:
            return
        if gone.trouble is RedisProblem.TIMEOUT:
            self._timeouts += 1
            if self._timeouts < MAX_TIMEOUTS:
                return
        self._mark_unavailable(gone)

    def _mark_unavailable(self, gone: RedisUnavailable) -> None:
        if self._available or not self._why:
            place = str(self._url)
            _LOG.warning(
                "redis can't be used; looking for it", extra={"at": place, "why": str(gone)}
            )
        self._available = False
        self._why = str(gone)
        self._search.set()

    async def _connect(self) -> None:
        try:
            with _cancellable(), mapped(CONNECT_TIMEOUT):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._pool.disconnect(inuse_connections=False)
                    await self._check()
        except RedisUnavailable as gone:
            self._errors.labels(gone.trouble).add()
            self._mark_unavailable(gone)
        else:
            self._timeouts = 0
            self._available = True
            self._why = ""
            self._search.clear()
            _LOG.info("redis is in use", extra={"at": str(self._url)})

    async def _check(self) -> None:
        try:
            about = await self._client.info()  # pyright: ignore[reportUnknownMemberType] - the library leaves its options open
        except exceptions.NoPermissionError:  # it answers; the rest is its own affair
            return
        version = str(about.get("redis_version", "0"))
        if _numbers(version) < self._min_version:
            least = ".".join(map(str, self._min_version))
            raise RedisUnavailable(
                RedisProblem.VERSION, f"it is version {version}, at least {least} is needed"
            )
        if about.get("role") == "slave":
            raise RedisUnavailable(RedisProblem.REPLICA, READ_ONLY)


@contextlib.contextmanager
def _cancellable() -> Generator[None]:
    """The library may lose a cancellation that comes as one of its own timeouts ends."""
    try:
        yield
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _connection_class(place: RedisUrl) -> type[Connection]:
    if place.path:
        return UnixDomainSocketConnection  # type: ignore[return-value] # the pool takes either
    return SSLConnection if place.tls else Connection
