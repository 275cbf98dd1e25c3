"""One client key's flood neither sets the others' threshold nor takes their share."""

import random

import pytest

from support.fakes import FakeIds, FakeScorer
from support.tables import policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import Retention, StrongShare
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.share.ports import ShareKey
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.share.traffic import WINDOW, Scoring, Traffic
from weir_policy.facts import Facts
from weir_policy.ids import PolicyId, RouterName

KEY = ShareKey(PolicyId("ns/p"), "", RouterName("mf"), BundleVersion("b"), 0.2)
KEYS = tuple(f"key-{number}" for number in range(10))
HEAVY = KEYS[0]
HARD, EASY = (30, 1), (1, 30)


class Even:
    """A calibration whose reference prompts score evenly in [0,1]."""

    fails = False

    def threshold_for_share(self, share: float) -> float | None:
        return 1 - share

    def threshold_for_retention(self, objective: Retention) -> float | None:
        del objective
        return None


def chosen(shares: ShareThresholds, score: float, source: str) -> bool:
    threshold = shares.threshold(KEY, Even(), source)
    assert threshold is not None
    strong = score >= threshold
    shares.observe(KEY, score, strong=strong, source=source)
    return strong


def share_of(choices: list[bool]) -> float:
    return sum(choices) / len(choices)


def heavy_traffic(kind: tuple[int, int], others: int) -> tuple[list[bool], list[bool]]:
    """What the flood got, and what the nine others did, with 100 requests to each of theirs."""
    draw, shares = random.Random(str(kind)), ShareThresholds()
    for _ in range(1000):
        chosen(shares, draw.betavariate(4, 4), draw.choice(KEYS))
    burst: list[bool] = []
    rest: list[bool] = []
    for _ in range(others):
        burst.extend(chosen(shares, draw.betavariate(*kind), HEAVY) for _ in range(100))
        rest.append(chosen(shares, draw.betavariate(4, 4), draw.choice(KEYS[1:])))
    return burst, rest


@pytest.mark.parametrize("kind", [HARD, EASY])
def test_ten_keys_and_one_floods_a_hundred_to_one(kind: tuple[int, int]) -> None:
    burst, rest = heavy_traffic(kind, 300)
    assert share_of(burst) == pytest.approx(0.2, abs=0.01)
    assert share_of(rest) == pytest.approx(0.2, abs=0.03)
    assert share_of(rest[:60]) == pytest.approx(0.2, abs=0.1)
    assert share_of([*burst, *rest]) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("kind", [HARD, EASY])
def test_the_others_line_stays_where_it_was(kind: tuple[int, int]) -> None:
    draw, shares = random.Random("line"), ShareThresholds()
    for _ in range(1000):
        chosen(shares, draw.betavariate(4, 4), draw.choice(KEYS))
    before = shares.threshold(KEY, Even(), KEYS[1])
    for _ in range(2000):
        chosen(shares, draw.betavariate(*kind), HEAVY)
    after = shares.threshold(KEY, Even(), KEYS[1])
    assert after == pytest.approx(before, abs=0.1)
    assert shares.threshold(KEY, Even(), HEAVY) != after


def test_two_keys_with_unlike_traffic_share_one_line() -> None:
    draw, shares = random.Random("two"), ShareThresholds()
    choices: dict[str, list[bool]] = {"exams": [], "chat": []}
    for _ in range(3000):
        source = draw.choice(("exams", "chat"))
        kind = (8, 2) if source == "exams" else (2, 8)
        choices[source].append(chosen(shares, draw.betavariate(*kind), source))
    assert share_of([*choices["exams"], *choices["chat"]]) == pytest.approx(0.2, abs=0.01)
    assert share_of(choices["exams"]) > 0.35
    assert share_of(choices["chat"]) < 0.05


def test_a_flood_begins_and_ends() -> None:
    traffic = Traffic()
    for number in range(WINDOW):
        assert not traffic.add(Scoring(KEYS[number % 10], 0.5, 0.2))
    begun = [traffic.add(Scoring(HEAVY, 0.5, 0.2)) for _ in range(WINDOW // 2)]
    assert begun.count(True) == 1
    assert traffic.is_apart(HEAVY)
    for number in range(2 * WINDOW):
        assert not traffic.add(Scoring(KEYS[number % 10], 0.5, 0.2))
    assert [source for source in KEYS if traffic.is_apart(source)] == []


def test_one_key_alone_and_requests_without_a_key_are_no_flood() -> None:
    alone, unknown = Traffic(), Traffic()
    for _ in range(2 * WINDOW):
        assert not alone.add(Scoring(HEAVY, 0.5, 0.2))
        assert not unknown.add(Scoring("", 0.5, -0.8))
    assert unknown.add(Scoring(HEAVY, 0.5, 0.2)) is False
    assert (alone.served, unknown.served) == (0.0, pytest.approx(1.0, abs=0.01))


async def test_the_user_a_request_names_stands_for_a_missing_key() -> None:
    even = {(index + 0.5) / 50: 1 - (index + 0.5) / 50 for index in range(50)}
    scorer = FakeScorer(scores={"hard": 0.9}, default=0.1, share_thresholds=even)
    shares = ShareThresholds()
    parts = DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds(), shares=shares)
    decider = Decider(parts)
    made = table(policy(objective=StrongShare(0.2)))
    strong = {"one": 0, "other": 0}
    for number in range(400):
        user, text = ("other", "easy") if number % 40 == 0 else ("one", "hard")
        asked = request(text, facts=Facts(model="auto", user=user))
        context = RoutingContext(
            request=asked, table=made, purpose=Purpose.SERVE, score_timeout=0.25
        )
        strong[user] += (await decider.decide(context)).strong
    assert strong["one"] == pytest.approx(80, abs=10)
    ((key, share),) = shares.served()
    assert share == sum(strong.values()) / 400
    assert shares.threshold(key, Even(), "one") != shares.threshold(key, Even(), "other")
