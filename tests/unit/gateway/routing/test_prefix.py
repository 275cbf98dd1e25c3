"""A policy's template is learned from its prompts, skipped, and forgotten."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeIds, FakeScorer
from support.tables import policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.prefix import (
    ALIKE,
    EVERY,
    LEAST_REST,
    LONGEST,
    MAX_POLICIES,
    SAMPLE,
    SHORTEST,
    SharedPrefix,
    SharedPrefixes,
    shared_start,
)
from weir_policy.ids import PolicyId

TEMPLATE = (
    "Answer the question from the passages below. Quote the passage that you use, and say so if "
    "none of them has the answer.\n\nPassages:\n"
)
WORDS = ("tide", "lamp", "ridge", "barley", "wharf", "cinder", "maple", "ferry", "quill")


def question(number: int) -> str:
    chosen = random.Random(number)
    return " ".join(chosen.choice(WORDS) for _ in range(30)) + "?"


def learned(prompts: Iterable[str]) -> SharedPrefix:
    prefix = SharedPrefix()
    for prompt in prompts:
        prefix.observe(prompt)
    return prefix


def test_a_template_is_skipped_and_what_follows_is_left() -> None:
    prefix = learned(TEMPLATE + question(n) for n in range(SAMPLE))
    assert prefix.text == TEMPLATE
    asked = TEMPLATE + question(99)
    assert asked[prefix.skipped(asked) :] == question(99)
    assert prefix.skipped(question(99)) == 0


def test_prompts_without_a_template_are_read_whole() -> None:
    assert learned(map(question, range(200))).text == ""


def test_a_template_among_other_traffic_is_found() -> None:
    mixed = [TEMPLATE * (n % 2) + question(n) for n in range(4 * SAMPLE)]
    assert learned(mixed).text == TEMPLATE


def test_few_prompts_that_begin_alike_are_no_template() -> None:
    mixed = [TEMPLATE * (n % 4 == 0) + question(n) for n in range(4 * SAMPLE)]
    assert learned(mixed).text == ""


def test_one_prompt_sent_again_and_again_is_no_template() -> None:
    assert learned([TEMPLATE + question(1)] * 200).text == ""
    both = [TEMPLATE + question(n % 3) for n in range(200)]
    assert learned(both).text == ""


def test_a_template_is_forgotten_when_the_traffic_changes() -> None:
    prefix = learned(TEMPLATE + question(n) for n in range(SAMPLE))
    for number in range(SAMPLE):
        prefix.observe(question(1000 + number))
    assert prefix.text == ""


def test_a_new_template_takes_the_place_of_the_old_one() -> None:
    other = "You are given a table of measurements and have to find what is wrong with it. " * 2
    prefix = learned(TEMPLATE + question(n) for n in range(SAMPLE))
    for number in range(SAMPLE):
        prefix.observe(f"{other}\n{question(number)}")
    assert prefix.text == f"{other}\n"


def test_short_beginnings_that_people_share_are_left() -> None:
    polite = "Hello! Could you please help me with the following thing? "
    assert len(polite) < SHORTEST
    assert learned(polite + question(n) for n in range(SAMPLE)).text == ""


def test_a_start_is_cut_where_a_word_ends() -> None:
    starts = ["abcd " * 30 + f"wxyz{n}" for n in range(ALIKE)]
    assert shared_start(starts) == "abcd " * 30


def test_a_template_longer_than_is_compared_is_skipped_as_far_as_it_is() -> None:
    long = "Consider each of the examples. " * 200
    prefix = learned(long + question(n) for n in range(SAMPLE))
    assert prefix.skipped(long + question(99)) == LONGEST


def test_something_is_always_left_to_score() -> None:
    prefix = learned(TEMPLATE + question(n) for n in range(SAMPLE))
    for rest in ("", " \n", "ab"):
        assert prefix.skipped(TEMPLATE + rest) == 0
    assert prefix.skipped(TEMPLATE + "a" * LEAST_REST) == len(TEMPLATE)


@given(st.lists(st.text("ab \n", max_size=300), min_size=ALIKE, max_size=SAMPLE))
def test_what_is_skipped_is_a_start_that_enough_prompts_have(starts: list[str]) -> None:
    found = shared_start(starts)
    assert found == "" or len(found) >= SHORTEST
    assert found == "" or sum(start.startswith(found) for start in starts) >= ALIKE


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=150), max_size=60))
def test_any_prompts_can_be_observed(prompts: list[str]) -> None:
    prefixes, key = SharedPrefixes(), PolicyId("ns/p")
    for prompt in prompts:
        prefixes.observe(key, prompt)
        assert 0 <= prefixes.skipped(key, prompt) < max(len(prompt), 1)


def test_the_policies_that_are_remembered_are_bounded() -> None:
    prefixes = SharedPrefixes()
    served = [PolicyId(f"ns/{n}") for n in range(MAX_POLICIES + 1)]
    for key in served[:2] * SAMPLE:
        prefixes.observe(key, TEMPLATE + question(random.randrange(10**9)))
    for key in served[2:]:
        prefixes.observe(key, TEMPLATE + question(0))
    asked = TEMPLATE + question(1)
    assert prefixes.skipped(served[0], asked) == 0
    assert prefixes.skipped(served[1], asked) == len(TEMPLATE)


async def scored_texts(decider: Decider, scorer: FakeScorer, purpose: Purpose) -> list[str]:
    scorer.queries.clear()
    for number in range(SAMPLE):
        asked = request(TEMPLATE + question(number))
        context = RoutingContext(
            request=asked, table=table(policy()), purpose=purpose, score_timeout=0.25
        )
        await decider.decide(context)
    return [query.text for query in scorer.queries]


@pytest.mark.parametrize("purpose", [Purpose.EXPLAIN, Purpose.PREVIEW])
async def test_only_what_is_served_teaches(purpose: Purpose) -> None:
    scorer = FakeScorer()
    parts = DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds())
    decider = Decider(parts)
    assert all(text.startswith(TEMPLATE) for text in await scored_texts(decider, scorer, purpose))
    served = await scored_texts(decider, scorer, Purpose.SERVE)
    assert served[0].startswith(TEMPLATE)
    learned_at = 2 * EVERY  # the first comparison with enough prompts
    assert served[learned_at:] == [question(n) for n in range(learned_at, SAMPLE)]
    previewed = await scored_texts(decider, scorer, purpose)
    assert previewed == [question(n) for n in range(SAMPLE)]
