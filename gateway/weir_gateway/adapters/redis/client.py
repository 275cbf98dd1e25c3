"""The shared Redis or Valkey: a bounded pool, a deadline per call, no waiting while it is down.

While the server is unavailable, calls fail at once and a background task reconnects. Calls are not
retried: a counter could count twice.
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
    map_redis_errors,
)
from weir_gateway.adapters.redis.url import RedisUrl
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

MIN_VERSION: Final = (6, 0)  # scripts that read the server's clock and then write
CONNECTIONS: Final = 16
TIMEOUT: Final = 0.25  # seconds; includes delays of a busy event loop
MAX_TIMEOUTS: Final = 3  # in a row until the server counts as unavailable
FIRST_WAIT: Final = 0.1  # seconds until the first reconnect; doubled for each failure
MAX_WAIT: Final = 2.0
CONNECT_TIMEOUT: Final = 2.0  # seconds; no request waits for a reconnect

Argument = str | bytes | int | float


class Script:
    """A Lua script; sent in full once, then called by its digest."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Redis:
    """The client of the shared server."""

    def __init__(
        self,
        url: RedisUrl,
        registry: Registry,
        *,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        min_version: tuple[int, int] = MIN_VERSION,
    ) -> None:
        """`timeout` bounds each call, in seconds; a server below `min_version` is refused."""
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
            driver_info=None,  # sending the library's version would read files at each connection
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
            "weir.redis.errors", "Failed calls to Redis by error.", ("error",)
        )
        registry.gauge_callback(
            "weir.redis.up",
            "1 while the shared Redis is usable, else 0.",
            lambda: self._available,
        )

    @property
    def timeout(self) -> float:
        """A call's deadline in seconds."""
        return self._timeout

    @property
    def available(self) -> bool:
        """Whether calls are made at present."""
        return self._available

    async def start(self) -> None:
        """Connect once. Failure is no error: `run` tries again."""
        await self._connect()

    async def run(self) -> None:
        """Reconnect whenever the server is unavailable, until cancelled."""
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
        """Close all connections."""
        await self._pool.disconnect()

    async def call(self, *words: Argument, within: float | None = None) -> Any:
        """Run one command in at most `within` seconds. Raises RedisUnavailable.

        The result is bytes, an int, a list of them, or None.
        """
        return await self._guarded(words, self._timeout if within is None else within)

    async def script(self, script: Script, keys: list[Argument], arguments: list[Argument]) -> Any:
        """Run `script` in one round trip. Raises RedisUnavailable."""
        words = (len(keys), *keys, *arguments)
        try:
            return await self._guarded(("EVALSHA", script.digest, *words), self._timeout)
        except exceptions.NoScriptError:  # the server doesn't have it yet, or was restarted
            return await self._guarded(("EVAL", script.text, *words), self._timeout)

    async def _guarded(self, words: tuple[Argument, ...], within: float) -> Any:
        if not self._available:
            self._errors.labels(RedisProblem.AWAY).add()
            raise RedisUnavailable(RedisProblem.AWAY, self._why)
        try:
            with _cancellable(), map_redis_errors(within):
                async with asyncio.timeout(within):
                    answer = await self._client.execute_command(*words)  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownMemberType] - the library leaves it open
        except RedisUnavailable as gone:
            self._failed(gone)
            raise
        self._timeouts = 0
        return answer  # pyright: ignore[reportUnknownVariableType] - as above

    def _failed(self, gone: RedisUnavailable) -> None:
        self._errors.labels(gone.problem).add()
        if gone.problem not in UNREACHABLE:
            return
        if gone.problem is RedisProblem.TIMEOUT:
            self._timeouts += 1
            if self._timeouts < MAX_TIMEOUTS:
                return
        self._mark_unavailable(gone)

    def _mark_unavailable(self, gone: RedisUnavailable) -> None:
        if self._available or not self._why:
            place = str(self._url)
            _LOG.warning(
                "redis is unavailable; reconnecting", extra={"at": place, "why": str(gone)}
            )
        self._available = False
        self._why = str(gone)
        self._search.set()

    async def _connect(self) -> None:
        try:
            with _cancellable(), map_redis_errors(CONNECT_TIMEOUT):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._pool.disconnect(inuse_connections=False)
                    await self._check()
        except RedisUnavailable as gone:
            self._errors.labels(gone.problem).add()
            self._mark_unavailable(gone)
        else:
            self._timeouts = 0
            self._available = True
            self._why = ""
            self._search.clear()
            _LOG.info("connected to redis", extra={"at": str(self._url)})

    async def _check(self) -> None:
        try:
            about = await self._client.info()  # pyright: ignore[reportUnknownMemberType] - the library leaves its options open
        except exceptions.NoPermissionError:  # it answers, which is enough
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
    """Restore a cancellation that the library may lose when its own timeout ends."""
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
