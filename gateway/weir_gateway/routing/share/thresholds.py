"""The thresholds of all policies with `strongShare`, alone or together with other gateways."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from weir_gateway.domain.decision import Calibration
from weir_gateway.routing.share.follower import SAMPLE, ShareFollower
from weir_gateway.routing.share.ports import ShareKey, ShareStore, ShareStoreUnavailable
from weir_gateway.routing.share.traffic import Scoring, Traffic

EARLY: Final = 30  # requests that are told before the next turn: as many as a debt lasts
REFERENCE: Final = 50  # scores at even quantiles of the bundle's, until the policy has its own
MAX_POLICIES: Final = 10_000  # with their variants; about 15 KB each


class ShareThresholds:
    """The followers of all policies with `strongShare`; the oldest goes first."""

    def __init__(self, store: ShareStore | None = None) -> None:
        """Without `store`, each process follows its own requests."""
        self._store = store
        self._followers: dict[ShareKey, ShareFollower] = {}
        self._traffic: dict[ShareKey, Traffic] = {}  # by keys without a flood
        self._news = asyncio.Event()

    def threshold(self, key: ShareKey, calibration: Calibration, source: str = "") -> float | None:
        """The threshold for the client key `source` now; None without a calibration."""
        track = self._track(key, source)
        follower = self._followers.get(track) or self._started(track, calibration)
        return None if follower is None else follower.threshold

    def observe(self, key: ShareKey, score: float, *, strong: bool, source: str = "") -> None:
        """Count one choice; without effect where no threshold was asked for before."""
        follower = self._followers.get(self._track(key, source))
        if follower is None:
            return
        follower.observe(score, strong=strong)
        if self._store is not None and follower.unsent == EARLY:
            self._news.set()
        traffic = self._traffic.pop(key, None) or Traffic()
        self._traffic[key] = traffic  # the last one served is told last, so that the gauge has it
        if traffic.add(Scoring(source, score, key.share - strong)):
            self._set_apart(key, traffic.of(source))

    def served(self) -> Iterator[tuple[ShareKey, float]]:
        """The share that was served lately, of each that has served anything."""
        for key, traffic in self._traffic.items():
            if traffic.served is not None:
                yield key, traffic.served

    async def wait_for_news(self, seconds: float) -> None:
        """Return once a follower starts or has EARLY requests to tell, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def exchange(self) -> bool:
        """Tell the other gateways what is new here, and go on from what all know.

        False where the store is away: this gateway goes on alone, and tells it later.
        """
        if self._store is None:
            return True
        for key, follower in tuple(self._followers.items()):
            if follower.has_news and not await _exchange(self._store, key, follower):
                return False
        return True

    def _track(self, key: ShareKey, source: str) -> ShareKey:
        """Where `source` is followed: with all others, unless it floods them."""
        traffic = self._traffic.get(key)
        if traffic is None or not traffic.is_apart(source):
            return key
        return replace(key, apart=source)

    def _set_apart(self, key: ShareKey, choices: Sequence[Scoring]) -> None:
        """Follow a flood by itself, and all others as if there had been none."""
        scores, owed = [one.score for one in choices], sum(one.owed for one in choices)
        common = self._followers[key]
        common.forget(scores, owed)
        apart = ShareFollower(key.share, common.reference)
        apart.start_from(scores[-SAMPLE:], owed)
        self._keep(replace(key, apart=choices[0].source), apart)

    def _started(self, key: ShareKey, calibration: Calibration) -> ShareFollower | None:
        levels = ((index + 0.5) / REFERENCE for index in range(REFERENCE))
        scores = [calibration.threshold_for_share(level) for level in levels]
        reference = tuple(score for score in scores if score is not None)
        if len(reference) < REFERENCE:
            return None
        follower = ShareFollower(key.share, reference)
        self._keep(key, follower)
        return follower

    def _keep(self, key: ShareKey, follower: ShareFollower) -> None:
        if len(self._followers) >= MAX_POLICIES:
            oldest = next(iter(self._followers))
            del self._followers[oldest]
            self._traffic.pop(oldest, None)
        self._followers[key] = follower
        self._news.set()


async def _exchange(store: ShareStore, key: ShareKey, follower: ShareFollower) -> bool:
    report = follower.report()
    try:
        state = await store.exchange(key, report)
    except ShareStoreUnavailable:
        follower.restore(report)
        return False
    follower.adopt(report, state)
    return True
