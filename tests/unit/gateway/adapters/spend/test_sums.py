"""Sums of money: told to a store exactly once, whatever the store does."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.spend.sqlite import SqliteSums
from weir_gateway.adapters.spend.sums import (
    MAX_CHANGES,
    MAX_SUMS,
    Change,
    Sums,
    SumStoreUnavailable,
)
from weir_policy.ids import PicoUsd

NOW = 1_800_000_000.0
LATER = NOW + 3600


class Moody:
    """A store that is shared, and answers, refuses or keeps and then breaks off, as it is told."""

    every = 0.0

    def __init__(self, totals: dict[str, int]) -> None:
        self.totals = totals
        self.mood = "well"
        self._last = 0

    async def add(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        if self.mood == "away":
            raise SumStoreUnavailable("away")
        if number != self._last:
            for change in changes:
                self.totals[change.name] = self.totals.get(change.name, 0) + change.amount
        self._last = number
        if self.mood == "breaks":
            raise SumStoreUnavailable("broke off")
        return [self.totals.get(change.name, 0) for change in changes]


def _sums(store: Moody | SqliteSums | None) -> Sums:
    return Sums(store, lambda: NOW)


async def test_what_is_added_shows_at_once_and_others_after_the_next_telling() -> None:
    totals: dict[str, int] = {}
    one, other = _sums(Moody(totals)), _sums(Moody(totals))
    one.add("day", PicoUsd(5), LATER)
    assert one.spent("day", LATER) == 5
    assert other.spent("day", LATER) == 0
    await one.flush()
    await other.flush()
    assert (one.spent("day", LATER), other.spent("day", LATER)) == (5, 5)


async def test_what_nobody_else_keeps_never_falls_below_nothing() -> None:
    alone, shared = _sums(None), _sums(Moody({"day": 20}))
    for sums in (alone, shared):
        sums.add("day", PicoUsd(-15), LATER)  # set aside by a process before this one
    await shared.flush()
    assert (alone.spent("day", LATER), shared.spent("day", LATER)) == (0, 5)
    alone.add("day", PicoUsd(4), LATER)
    assert alone.spent("day", LATER) == 4


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from(["well", "away", "breaks"])), max_size=20
    )
)
def test_nothing_is_lost_or_told_twice(steps: list[tuple[int, str]]) -> None:
    store = Moody({})
    sums = _sums(store)

    async def run() -> None:
        for amount, mood in steps:
            sums.add("day", PicoUsd(amount), LATER)
            store.mood = mood
            await sums.flush()
        store.mood = "well"
        await sums.flush()
        await sums.flush()

    asyncio.run(run())
    total = sum(amount for amount, _ in steps)
    assert sums.spent("day", LATER) == total
    assert store.totals.get("day", 0) == total


async def test_the_end_tells_what_came_after_a_telling_that_broke_off() -> None:
    store = Moody({})
    sums = _sums(store)
    sums.add("day", PicoUsd(5), LATER)
    store.mood = "breaks"
    await sums.flush()
    sums.add("day", PicoUsd(2), LATER)
    store.mood = "well"
    await sums.close()
    assert store.totals == {"day": 7}


async def test_one_telling_tells_more_than_goes_at_once() -> None:
    store = Moody({})
    sums = _sums(store)
    for number in range(2 * MAX_CHANGES + 1):
        sums.add(f"sum-{number}", PicoUsd(1), LATER)
    await sums.flush()
    assert sum(store.totals.values()) == 2 * MAX_CHANGES + 1


async def test_a_file_outlives_the_gateway_and_is_shared_by_several(tmp_path: Path) -> None:
    path = tmp_path / "state" / "spend.db"
    first = _sums(SqliteSums(path, lambda: NOW))
    first.add("day", PicoUsd(7), LATER)
    await first.close()
    again = _sums(SqliteSums(path, lambda: NOW))
    again.add("day", PicoUsd(1), LATER)
    await again.flush()
    assert again.spent("day", LATER) == 8
    assert path.stat().st_mode & 0o077 == 0  # the gateway's own


async def test_a_day_that_is_over_leaves_file_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    sums = _sums(SqliteSums(path, lambda: NOW))
    sums.add("day", PicoUsd(7), LATER)
    await sums.flush()
    tomorrow = Sums(SqliteSums(path, lambda: LATER + 1), lambda: LATER + 1)
    tomorrow.add("tomorrow", PicoUsd(1), LATER + 3600)
    await tomorrow.flush()
    assert tomorrow.spent("day", LATER) == 0


@pytest.mark.parametrize("fault", ["corrupt", "read-only", "folder"])
async def test_a_file_that_cant_be_used_leaves_sums_in_memory(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "spend.db"
    if fault == "corrupt":
        path.write_bytes(b"not a database" * 100)
    elif fault == "folder":
        path.mkdir()
    else:
        sqlite3.connect(f"file:{path}?mode=rwc", uri=True).close()
        path = Path("/proc/weir-spend.db")
    sums = _sums(SqliteSums(path, lambda: NOW))
    sums.add("day", PicoUsd(7), LATER)
    await sums.flush()
    assert sums.spent("day", LATER) == 7


def test_no_more_than_so_many_sums_are_kept() -> None:
    sums = _sums(None)
    for number in range(MAX_SUMS + 10):
        sums.add(f"sum-{number}", PicoUsd(1), LATER + number)
    assert sums.spent(f"sum-{MAX_SUMS + 9}", LATER) == 1
    assert sums.spent("sum-0", LATER) == 0  # over soonest, so it left
