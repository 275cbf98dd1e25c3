"""What a limit's store is asked in tests."""

from collections.abc import Callable

from weir_gateway.adapters.limits.memory import MemoryLimits
from weir_gateway.adapters.spend.sums import Sums
from weir_gateway.domain.limits import LimitCheck
from weir_policy.spec.limits import DIMENSIONS, Limit, Limits, Window


def ask(
    limit: int,
    least: int = 1,
    most: int | None = None,
    *,
    window: Window = Window.MINUTE,
    counter: str = "c",
) -> LimitCheck:
    """One limit, asked for `least` to `most`."""
    return LimitCheck(
        counter, window, limit, least, least if most is None else most, "perKey.something"
    )


def memory(now: Callable[[], float], *, local: bool = False) -> MemoryLimits:
    """Limits in memory whose clocks are both `now`."""
    return MemoryLimits(Sums(None, now), now, now, local=local)


def limits(**amounts: int) -> Limits:
    """`limits(usd_per_day=5)`: amounts by their Python name, money in pico-USD."""
    rows = {row.attribute: row for row in DIMENSIONS}
    return tuple(
        Limit(rows[name].measure, rows[name].window, amount) for name, amount in amounts.items()
    )
