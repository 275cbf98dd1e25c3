"""Limits counted in Redis, and by this gateway alone while Redis is unavailable.

Until it is back, `open` limits hold per gateway, starting from the last known counts; `closed`
limits refuse all requests.
"""

from collections.abc import Sequence

from weir_gateway.adapters.limits.memory import MemoryLimits
from weir_gateway.adapters.limits.redis import RedisLimits
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.domain.errors import LimitsUnknown
from weir_gateway.domain.limits import LimitCheck, LimitReservation, LimitResult
from weir_gateway.routing.steps.limit import LimitStore
from weir_policy.spec.limits import Window
from weir_runtime.metrics import Registry


class SharedLimits:
    """Fills routing's Limits."""

    def __init__(self, redis: RedisLimits, memory: MemoryLimits, registry: Registry) -> None:
        """`memory` is for the time without Redis."""
        self._redis = redis
        self._memory = memory
        self._local = registry.counter(
            "weir.limits.local",
            "Requests whose limits were counted by this gateway alone, or that were refused for "
            "it, since Redis was gone.",
            ("result",),
        )

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        """Set aside what is asked, all or nothing. Raises LimitsUnknown where `closed`."""
        try:
            taken = await self._redis.take(asks)
        except RedisUnavailable as gone:
            self._redis.restore()
            if closed:
                self._local.labels("refused").add()
                raise LimitsUnknown(
                    "the store that counts this policy's limits can't be asked now, and the policy "
                    "says failureMode.limits: closed"
                ) from gone
            self._local.labels("counted").add()
            alone = self._memory.take_now(asks)
            for reservation in alone.reservations:
                self._tell_later(reservation, reservation.amount)
            return alone
        for reservation, used in zip(taken.reservations, taken.used, strict=False):
            self._memory.learn(reservation, used)
        return taken

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        """Count `amount` in place of what was set aside."""
        if not reservation.local:
            self._redis.settle(reservation, amount - reservation.amount)
            return
        self._memory.settle(reservation, amount)
        self._tell_later(reservation, amount - reservation.amount)

    def _tell_later(self, reservation: LimitReservation, change: int) -> None:
        """What was used of a day without Redis is everybody's once that is back."""
        if reservation.window is Window.DAY:
            self._redis.settle(reservation, change)


class CountedLimits:
    """Counts what is refused, of any Limits."""

    def __init__(self, inner: LimitStore, registry: Registry) -> None:
        self._inner = inner
        self._refused = registry.counter(
            "weir.limits.refused", "Requests that a limit refused.", ("policy", "limit")
        )

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        """As the one behind it."""
        taken = await self._inner.take(asks, closed=closed)
        if taken.refused >= 0:
            ask = asks[taken.refused]
            self._refused.labels(ask.policy or "", ask.name).add()
        return taken

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        """As the one behind it."""
        self._inner.settle(reservation, amount)
