"""Up at once, down only after settled progress, and never more often than that allows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_agents.facts import AgentFacts
from weir_gateway.domain.session import NO_STATE, AgentState
from weir_gateway.domain.stage import StageStep
from weir_gateway.routing.session.keys import request_mark
from weir_gateway.routing.stage.cold_cache import Bars
from weir_gateway.routing.stage.swap import is_swapped
from weir_gateway.routing.stage.tier import STRONG_STEPS, Turn, next_step, plans
from weir_policy.spec.stage import Plan

BARS = Bars(up=0.6, back=0.4)
SETTLED = 3
WEAK = replace(NO_STATE, turn=5)
STRONG = replace(NO_STATE, turn=5, strong=True, strong_turns=5)


def facts(turns: int = 6, settled: int = 0, **changes: int) -> AgentFacts:
    return replace(
        AgentFacts(turns=turns, settled=settled, calls=1, results=1, turns_since_user=3), **changes
    )


@pytest.mark.parametrize(
    ("known", "score", "settled", "step"),
    [
        (None, 0.59, 0, StageStep.WEAK),
        (None, 0.6, 0, StageStep.STRONG),
        (WEAK, 0.59, 0, StageStep.WEAK),
        (WEAK, 0.6, 9, StageStep.UP),  # at once, whatever went well before
        (STRONG, 0.6, 9, StageStep.STRONG),
        (STRONG, 0.5, 9, StageStep.HOLD),  # below the threshold, and not below the return
        (STRONG, 0.4, 9, StageStep.HOLD),
        (STRONG, 0.39, 2, StageStep.HOLD),  # one good turn is missing
        (STRONG, 0.39, 3, StageStep.RETURN),
        (replace(STRONG, strong_turns=1), 0.39, 9, StageStep.HOLD),  # it has only begun
        (replace(STRONG, strong_turns=2), 0.39, 9, StageStep.RETURN),
    ],
)
def test_each_step(known: AgentState | None, score: float, settled: int, step: StageStep) -> None:
    assert next_step(Turn(facts(settled=settled), score, known), BARS, SETTLED) is step


def test_a_request_that_is_sent_again_counts_once() -> None:
    asked = facts(settled=9)
    known = replace(STRONG, strong_turns=2, turn=6, request_mark=request_mark(asked))
    assert next_step(Turn(asked, 0.1, known), BARS, SETTLED) is StageStep.HOLD


def test_an_earlier_turn_may_call_the_strong_model_and_never_sends_it_away() -> None:
    late = facts(turns=3, settled=3)
    assert not Turn(late, 0.1, STRONG).in_order
    assert next_step(Turn(late, 0.1, STRONG), BARS, SETTLED) is StageStep.HOLD
    assert next_step(Turn(late, 0.9, WEAK), BARS, SETTLED) is StageStep.UP


def test_a_user_who_starts_anew_at_an_earlier_turn_is_in_order() -> None:
    assert Turn(facts(turns=3, turns_since_user=0), 0.1, STRONG).in_order


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60),
    st.integers(1, 6),
)
def test_changes_are_bounded(turns: Sequence[tuple[float, bool]], settled_turns: int) -> None:
    """Between a change up and the next one down there are as many good turns as are asked for."""
    known: AgentState | None = None
    good, changes = 0, 0
    for number, (score, ok) in enumerate(turns, 1):
        good = good + 1 if ok else 0
        now = facts(turns=number, settled=good)
        step = next_step(Turn(now, score, known), BARS, settled_turns)
        strong = step in STRONG_STEPS
        before = known.strong if known is not None else strong
        changes += strong != before
        if step is StageStep.RETURN:
            assert good >= settled_turns
            assert known is not None
            assert known.strong_turns + 1 >= settled_turns
            assert score < BARS.back
        counted = known.strong_turns + 1 if known is not None and strong and known.strong else 0
        known = replace(NO_STATE, strong=strong, turn=number, strong_turns=counted)
    assert changes <= 2 * (len(turns) // (settled_turns + 1)) + 2


def test_the_strong_model_plans_until_the_first_edit() -> None:
    plan = Plan(turns=4)
    first = Turn(AgentFacts(), 0.1, None)
    assert plans(first, plan)  # nothing was called yet
    reading = facts(turns=3, turns_since_user=3)
    assert plans(Turn(reading, 0.1, WEAK), plan)
    assert not plans(Turn(replace(reading, edits=1), 0.1, WEAK), plan)
    assert not plans(Turn(replace(reading, turns_since_user=4), 0.1, WEAK), plan)


def test_it_plans_again_after_a_users_message_and_after_a_compaction() -> None:
    plan, known = Plan(turns=4), replace(WEAK, edits=7)
    asked = facts(turns=20, edits=7, turns_since_user=0)
    assert plans(Turn(asked, 0.1, known), plan)
    assert plans(Turn(replace(asked, turns_since_user=2), 0.1, known), plan)
    assert not plans(Turn(replace(asked, turns_since_user=2, edits=8), 0.1, known), plan)
    compacted = facts(turns=2, edits=0, turns_since_user=2, compacted=1)
    assert plans(Turn(compacted, 0.1, known), plan)
    assert not plans(Turn(replace(compacted, edits=1), 0.1, known), plan)


def test_about_the_share_of_turns_is_drawn_and_the_same_ones_each_time() -> None:
    turns = [(f"{session:032x}", turn) for session in range(100) for turn in range(100)]
    drawn = [one for one in turns if is_swapped(*one, 0.02)]
    assert 150 <= len(drawn) <= 250
    assert all(is_swapped(*one, 0.02) and is_swapped(*one, 0.5) for one in drawn)


def test_a_client_that_strips_results_still_returns() -> None:
    stripped = facts(settled=0, results=0)
    assert next_step(Turn(stripped, 0.1, STRONG), BARS, SETTLED) is StageStep.RETURN
