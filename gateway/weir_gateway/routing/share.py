"""The threshold of `strongShare`: it follows a policy's own scores, so that the share is theirs.

A policy starts with the bundle's reference prompts as its sample and replaces them by its own
scores as they come. The threshold is a quantile of the sample, and what was sent to the strong
model too often or too seldom so far is made up for: the share that was served converges to the one
that was asked for, on any traffic and after any shift of it.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.decision import Calibration
from weir_gateway.domain.ids import BundleVersion
from weir_policy.ids import PolicyId, RouterName

SAMPLE: Final = 400  # scores: few enough that a shift of the traffic is over after as many requests
REFERENCE: Final = 50  # scores at even quantiles of the bundle's, until the policy has its own
CORRECTION: Final = 30  # requests: one too many moves the share that is aimed at by 1/30
MAX_DEBT: Final = 100.0  # requests; a longer history is not made up for
MAX_POLICIES: Final = 10_000  # with their variants; about 10 KB each
ABOVE_ALL: Final = 2.0  # a threshold that no score reaches


@dataclass(frozen=True, slots=True)
class ShareKey:
    """What has a threshold of its own."""

    policy: PolicyId
    variant: str
    router: RouterName
    bundle: BundleVersion
    share: float  # (0,1) that is asked for


class ShareFollower:
    """The recent scores of one policy, and the choices that were made on them."""

    __slots__ = ("_debt", "_reference", "_sample", "_share", "_sorted")

    def __init__(self, share: float, reference: tuple[float, ...]) -> None:
        """`reference` are the scores to start from; `share` is in (0,1)."""
        self._share = share
        self._sample = deque(reference)  # the oldest first
        self._sorted = sorted(reference)
        self._reference = len(reference)  # of the sample's scores
        self._debt = 0.0  # strong choices that are owed; negative where there were too many

    @property
    def threshold(self) -> float:
        """The score from which on the strong candidate is chosen now."""
        aim = min(max(self._share + self._debt / CORRECTION, 0.0), 1.0)
        above = round(aim * len(self._sorted))
        if above == 0:
            return ABOVE_ALL
        return self._sorted[-above] if above < len(self._sorted) else 0.0

    def observe(self, score: float, *, strong: bool) -> None:
        """Count one choice that was made by score."""
        owed = self._debt + self._share - strong
        self._debt = min(max(owed, -MAX_DEBT), MAX_DEBT)
        self._sample.append(score)
        insort(self._sorted, score)
        if self._reference or len(self._sample) > SAMPLE:
            del self._sorted[bisect_left(self._sorted, self._sample.popleft())]
            self._reference = max(self._reference - 1, 0)


class ShareThresholds:
    """The followers of all policies with `strongShare`; the oldest goes first."""

    def __init__(self) -> None:
        self._followers: dict[ShareKey, ShareFollower] = {}

    def threshold(self, key: ShareKey, calibration: Calibration) -> float | None:
        """The threshold now; None without a calibration to start from."""
        follower = self._followers.get(key) or self._started(key, calibration)
        return None if follower is None else follower.threshold

    def observe(self, key: ShareKey, score: float, *, strong: bool) -> None:
        """Count one choice; without effect where no threshold was asked for before."""
        follower = self._followers.get(key)
        if follower is not None:
            follower.observe(score, strong=strong)

    def _started(self, key: ShareKey, calibration: Calibration) -> ShareFollower | None:
        levels = ((index + 0.5) / REFERENCE for index in range(REFERENCE))
        scores = [calibration.threshold_for_share(level) for level in levels]
        reference = tuple(score for score in scores if score is not None)
        if len(reference) < REFERENCE:
            return None
        follower = ShareFollower(key.share, reference)
        if len(self._followers) >= MAX_POLICIES:
            del self._followers[next(iter(self._followers))]
        self._followers[key] = follower
        return follower
