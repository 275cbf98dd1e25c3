"""The scores of an agent's run, and the file of their weights."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_agents.facts import NO_AGENT, AgentFacts
from weir_agents.features import FEATURES
from weir_agents.scores import (
    PRIOR,
    AgentWeights,
    AgentWeightsError,
    dump_weights,
    finish_reasons,
    finish_score,
    load_weights,
    stage_reasons,
    stage_score,
)
from weir_agents.weights import Head, Heads, Term

EARLY = AgentFacts(
    turns=4, user_turns=1, calls=4, results=4, reads=2, edits=1, shell_calls=3, production=1
)
STUCK = replace(
    EARLY,
    turns=7,
    calls=7,
    results=7,
    errors=3,
    trouble=6,
    error_streak=3,
    worst_recent_error=2,
    failing_streak=3,
    tests_failed=3,
    last_tests="fail",
)
BETTER = replace(STUCK, error_streak=0, failing_streak=0, worst_recent_error=0, last_tests="pass")


def test_failing_tests_in_a_row_raise_the_stage_and_progress_lowers_it() -> None:
    assert stage_score(EARLY) < 0.35
    assert stage_score(STUCK) > 0.6
    assert stage_score(BETTER) < stage_score(STUCK) - 0.2


def test_a_run_that_took_much_writing_has_a_higher_finish_score() -> None:
    easy = replace(EARLY, turns=12, text_chars=3_000, tests_passed=1, done=True)
    hard = replace(easy, turns=60, text_chars=60_000, trouble=60, results=60)
    assert finish_score(easy) + 0.3 < finish_score(hard)


def test_reasons_name_what_moved_a_score() -> None:
    first, *rest = stage_reasons(STUCK)
    assert first.logit > 0
    assert all(abs(first.logit) >= abs(each.logit) for each in rest)
    assert {each.feature for each in finish_reasons(STUCK)} <= set(FEATURES)


def test_a_chat_without_calls_has_the_usual_runs_score_and_no_reasons() -> None:
    assert 0.2 < stage_score(NO_AGENT) < 0.4
    assert finish_score(NO_AGENT) == PRIOR.service.finish.usual
    assert stage_score(replace(NO_AGENT, turns=9, text_chars=10**6)) == PRIOR.service.stage.usual
    assert stage_reasons(NO_AGENT) == finish_reasons(NO_AGENT) == []


def test_a_domains_own_tools_are_scored_by_their_own_head() -> None:
    booking = AgentFacts(turns=8, calls=4, other_calls=3, results=4)
    assert PRIOR.heads(booking) is PRIOR.service
    assert PRIOR.heads(STUCK) is PRIOR.work


def flat(harness: str) -> AgentWeights:
    """Weights that give every run the same score."""
    heads = Heads(Head(3.0), Head(3.0, (Term("turns", 1.0, 2.0, 0.5),)))
    return AgentWeights(harness, heads, heads, ("small",), "2026-01-01", {"auroc": 0.7})


def test_weights_of_another_harness_do_not_speak() -> None:
    codex = flat("codex")
    assert stage_score(replace(STUCK, harness="codex"), codex) == pytest.approx(0.9526, abs=1e-4)
    assert stage_score(replace(STUCK, harness="aider"), codex) == stage_score(STUCK)


def test_a_file_gives_back_what_was_written() -> None:
    assert load_weights(dump_weights(flat("codex"))) == flat("codex")
    assert load_weights(dump_weights(PRIOR)) == PRIOR


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format", "weir.dev/agentweights/9", "format is"),
        ("harness", 3, "harness is no text"),
        ("work", None, "work is no object"),
        ("work.stage.bias", "high", "work.stage.bias is no number"),
        ("work.finish.terms.0.feature", "luck", "which is no feature"),
        ("work.finish.terms.0.scale", 0, "must be above 0"),
        ("work.finish.terms.0.weight", True, "is no number"),
        ("work.stage.terms", [0] * 200, "more than 100"),
    ],
)
def test_a_wrong_file_says_where(path: str, value: object, says: str) -> None:
    written = json.loads(dump_weights(flat("codex")))
    *way, last = path.split(".")
    at: Any = written
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[last] = value
    with pytest.raises(AgentWeightsError, match=says):
        load_weights(json.dumps(written))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "x" * 300_000, '{"format": NaN}'])
def test_what_is_no_file_of_weights_is_refused(text: str) -> None:
    with pytest.raises(AgentWeightsError):
        load_weights(text)


NUMBERS = [each.name for each in fields(AgentFacts) if each.type in {int, "int"}]


@given(st.fixed_dictionaries({name: st.integers(0, 10**9) for name in NUMBERS}))
def test_any_facts_have_scores_between_0_and_1(counts: dict[str, int]) -> None:
    facts = AgentFacts(**counts)  # type: ignore[arg-type] # the fields are counts
    assert 0 <= stage_score(facts) <= 1
    assert 0 <= finish_score(facts) <= 1
