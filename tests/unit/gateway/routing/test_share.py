"""`strongShare` is a share of the policy's own traffic, whatever that is like."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeIds, FakeScorer
from support.tables import policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import Retention, StrongShare
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.share.follower import ABOVE_ALL, SAMPLE, ShareFollower
from weir_gateway.routing.share.ports import ShareKey
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_policy.ids import PolicyId, RouterName

REFERENCE = tuple((index + 0.5) / 50 for index in range(50))  # a bundle with even scores
SOURCES: dict[str, Callable[[random.Random], float]] = {
    "even": lambda draw: draw.random(),
    "hard": lambda draw: draw.betavariate(8, 2),
    "easy": lambda draw: draw.betavariate(2, 8),
    "very hard": lambda draw: 0.9 + draw.betavariate(2, 2) / 10,
    "all above the reference": lambda draw: 0.995 + draw.random() / 1000,
    "all below it": lambda draw: draw.random() / 1000,
    "two kinds": lambda draw: draw.choice((draw.betavariate(2, 20), draw.betavariate(20, 2))),
    "narrow": lambda draw: draw.gauss(0.5, 0.001),
    "few values": lambda draw: draw.choice((0.3, 0.3, 0.3, 0.5, 0.9)),
    "rarely hard": lambda draw: 0.95 if draw.random() < 0.02 else draw.random() / 2,
}


def served(follower: ShareFollower, scores: Sequence[float]) -> list[bool]:
    choices: list[bool] = []
    for score in scores:
        strong = score >= follower.threshold
        follower.observe(score, strong=strong)
        choices.append(strong)
    return choices


def share_of(choices: Sequence[bool]) -> float:
    return sum(choices) / len(choices)


@pytest.mark.parametrize("asked", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("source", SOURCES)
def test_the_share_is_served_on_any_traffic(source: str, asked: float) -> None:
    draw = random.Random(source)
    choices = served(ShareFollower(asked, REFERENCE), [SOURCES[source](draw) for _ in range(5000)])
    assert share_of(choices[:500]) == pytest.approx(asked, abs=0.02)
    assert share_of(choices[500:1000]) == pytest.approx(asked, abs=0.02)
    assert share_of(choices) == pytest.approx(asked, abs=0.01)


@pytest.mark.parametrize("asked", [0.1, 0.2, 0.5])
@pytest.mark.parametrize(("before", "after"), [("easy", "hard"), ("very hard", "all below it")])
def test_a_shift_is_followed_within_500_requests(before: str, after: str, asked: float) -> None:
    draw = random.Random(before)
    follower = ShareFollower(asked, REFERENCE)
    served(follower, [SOURCES[before](draw) for _ in range(2000)])
    served(follower, [SOURCES[after](draw) for _ in range(500)])
    choices = served(follower, [SOURCES[after](draw) for _ in range(500)])
    assert share_of(choices) == pytest.approx(asked, abs=0.02)


def test_the_harder_prompts_go_to_the_strong_model() -> None:
    draw = random.Random("order")
    follower = ShareFollower(0.2, REFERENCE)
    served(follower, [draw.random() for _ in range(1000)])
    scores = [draw.random() for _ in range(2000)]
    choices = served(follower, scores)
    assert share_of([c for c, s in zip(choices, scores, strict=True) if s > 0.9]) > 0.85
    assert share_of([c for c, s in zip(choices, scores, strict=True) if s < 0.7]) < 0.02


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.01, 0.99))
def test_the_threshold_is_one_of_the_scores(scores: list[float], share: float) -> None:
    follower = ShareFollower(share, REFERENCE)
    known = {*REFERENCE, ABOVE_ALL, 0.0, *scores}
    for score in scores * 20:
        assert follower.threshold in known
        follower.observe(score, strong=score >= follower.threshold)


class Even:
    """A calibration whose reference prompts score evenly in [0,1]."""

    fails = False

    def threshold_for_share(self, share: float) -> float | None:
        return 1 - share

    def threshold_for_retention(self, objective: Retention) -> float | None:
        del objective
        return None


class Missing(Even):
    """A router without a calibration."""

    def threshold_for_share(self, share: float) -> float | None:
        del share
        return None


def key(share: float = 0.2, bundle: str = "b") -> ShareKey:
    return ShareKey(PolicyId("ns/p"), "", RouterName("mf"), BundleVersion(bundle), share)


def test_it_starts_from_the_bundle_and_anew_with_another_one() -> None:
    shares = ShareThresholds()
    assert shares.threshold(key(), Missing()) is None
    started = shares.threshold(key(), Even())
    assert started == pytest.approx(0.8, abs=0.02)
    for _ in range(SAMPLE):
        shares.observe(key(), 0.95, strong=True)
    assert shares.threshold(key(), Even()) == ABOVE_ALL  # too many went to the strong model
    assert shares.threshold(key(bundle="next"), Even()) == started
    assert shares.threshold(key(share=0.5), Even()) == pytest.approx(0.5, abs=0.02)


async def strong_choices(decider: Decider, purpose: Purpose, count: int) -> int:
    made = table(policy(objective=StrongShare(0.2)))
    context = RoutingContext(request=request(), table=made, purpose=purpose, score_timeout=0.25)
    decisions = [await decider.decide(context) for _ in range(count)]
    assert {decision.target_share for decision in decisions} == {0.2}
    return sum(decision.strong for decision in decisions)


async def test_what_is_served_counts_and_what_is_explained_does_not() -> None:
    even = {(index + 0.5) / 50: 1 - (index + 0.5) / 50 for index in range(50)}
    scorer = FakeScorer(default=0.9, share_thresholds=even)
    parts = DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds())
    decider = Decider(parts)
    for purpose in (Purpose.PREVIEW, Purpose.EXPLAIN, Purpose.PROBE):
        assert await strong_choices(decider, purpose, 50) == 50
    # Every prompt scores above the bundle's threshold, and a fifth goes to the strong model.
    assert await strong_choices(decider, Purpose.SERVE, 500) == pytest.approx(100, abs=10)
