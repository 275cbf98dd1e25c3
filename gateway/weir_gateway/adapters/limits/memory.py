"""Limits of one gateway: exact, since nothing else runs while a limit is asked.

Minutes are forgotten with the process; days are sums, which may be kept in a file.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from weir_gateway.adapters.limits.sliding_minute import Fits, SlidingMinute
from weir_gateway.adapters.spend.sums import Sums
from weir_gateway.domain.limits import (
    DAY_SECONDS,
    PICO_PER_NANO,
    LimitCheck,
    LimitReservation,
    LimitResult,
)
from weir_policy.ids import PicoUsd
from weir_policy.spec.limits import Window

MOST_MINUTES: Final = 50_000  # minutes that are kept; the longest unused leave first


class MemoryLimits:
    """Fills routing's Limits without ever waiting."""

    def __init__(
        self, sums: Sums, clock: Callable[[], float], now: Callable[[], float], *, local: bool
    ) -> None:
        """`clock` is monotonic seconds, `now` those since 1970; `local` marks what is set aside."""
        self._sums = sums
        self._clock = clock
        self._now = now
        self._local = local
        self._minutes: OrderedDict[str, SlidingMinute] = OrderedDict()
        self._today = 0

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool = False) -> LimitResult:
        """Set aside what is asked, all or nothing; `closed` means nothing: it is always there."""
        del closed
        return self.take_now(asks)

    def take_now(self, asks: Sequence[LimitCheck]) -> LimitResult:
        """The same, without a loop."""
        clock, today = self._clock(), self._day()
        before = [self._used(ask, clock, today) for ask in asks]
        fits = Fits()
        for ask, gone in zip(asks, before, strict=True):
            fits.ask(ask, gone)
        if fits.refused >= 0:
            over = asks[fits.refused]
            wait = self._wait(over, before[fits.refused], clock, today)
            return LimitResult(
                fits_max=False,
                blocking=fits.short,
                refused=fits.refused,
                wait=wait,
                used=tuple(before),
            )
        allow_strong = fits.short < 0
        reservations = tuple(
            self._hold(ask, ask.max_amount if allow_strong else ask.min_amount, today)
            for ask in asks
        )
        used = tuple(b + one.amount for b, one in zip(before, reservations, strict=True))
        return LimitResult(allow_strong, fits.short, reservations=reservations, used=used)

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        """Count `amount` in place of what was set aside."""
        change = amount - reservation.amount
        if not change:
            return
        if reservation.window is Window.DAY:
            self._add(reservation.counter, reservation.slot, change)
        elif (minute := self._minutes.get(reservation.counter)) is not None:
            minute.pass_to(self._clock())
            minute.correct(reservation.slot, change)

    def learn(self, reservation: LimitReservation, used: int) -> None:
        """Take over what others have used of a day, for when they can't be asked any more."""
        if reservation.window is not Window.DAY:
            return
        known = self._sums.spent(
            _name(reservation.counter, reservation.slot), _until(reservation.slot)
        )
        if used * PICO_PER_NANO > known:
            self._add(reservation.counter, reservation.slot, used - known // PICO_PER_NANO)

    def _used(self, ask: LimitCheck, clock: float, today: int) -> int:
        if ask.window is Window.DAY:
            return self._sums.spent(_name(ask.counter, today), _until(today)) // PICO_PER_NANO
        minute = self._minute(ask.counter)
        minute.pass_to(clock)
        return minute.total

    def _hold(self, ask: LimitCheck, amount: int, today: int) -> LimitReservation:
        if ask.window is Window.DAY:
            self._add(ask.counter, today, amount)
            return LimitReservation(ask.counter, ask.window, today, amount, self._local)
        minute = self._minutes[ask.counter]
        minute.add(amount)
        return LimitReservation(ask.counter, ask.window, minute.last, amount, self._local)

    def _add(self, counter: str, day: int, amount: int) -> None:
        self._sums.add(_name(counter, day), PicoUsd(amount * PICO_PER_NANO), _until(day))

    def _wait(self, ask: LimitCheck, used: int, clock: float, today: int) -> float:
        if ask.window is Window.DAY:
            return (today + 1) * DAY_SECONDS - self._now()
        return self._minutes[ask.counter].wait(used + ask.min_amount - ask.limit, clock)

    def _minute(self, counter: str) -> SlidingMinute:
        minute = self._minutes.get(counter)
        if minute is None:
            if len(self._minutes) >= MOST_MINUTES:
                self._minutes.popitem(last=False)
            minute = self._minutes[counter] = SlidingMinute()
        self._minutes.move_to_end(counter)
        return minute

    def _day(self) -> int:
        """A clock that goes backwards begins no day anew."""
        self._today = max(self._today, int(self._now()) // DAY_SECONDS)
        return self._today


def _name(counter: str, day: int) -> str:
    return f"{counter}@{day}"


def _until(day: int) -> float:
    return float((day + 2) * DAY_SECONDS)  # a day's last answers end in the next
