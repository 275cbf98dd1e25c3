"""Rules in CEL, over a request's facts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import FACTS
from weir_agents.facts import AgentFacts
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.routing.policy.compiled import RuleFailed
from weir_policy.facts import Facts

BUSY = replace(
    FACTS,
    stream=True,
    turns=7,
    messages=9,
    tools=2,
    temperature=0.2,
    user="ann",
    headers={"x-team": "support"},
    text="Fix the bug in a+b",
    agent=AgentFacts(error_streak=3, last_tests="fail", harness="codex", subagent=True),
)


def holds(when: str, facts: Facts = BUSY) -> bool:
    return CelConditions().compile(when).holds(facts)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("request.tools > 0 && request.turns > 6", True),
        ("request.tools > 0 && request.turns > 7", False),
        ("request.stream && !request.json_schema", True),
        ("request.temperature < 0.5", True),
        ("request.user == 'ann' || request.user == 'bob'", True),
        ("'x-team' in request.headers && request.headers['x-team'] == 'support'", True),
        ("'x-other' in request.headers", False),
        ("request.text.contains('bug')", True),
        ("request.text.matches('(?i)fix.*BUG')", True),
        ("request.model.startsWith('auto')", True),
        ("has(request.turns)", True),
        ("request['turns'] == 7", True),
        ("request.agent.errorStreak > 2 && request.agent.subagent", True),
        ("request.agent.errorStreak > 3", False),
        ("request.agent.lastTests == 'fail' && request.agent['harness'] == 'codex'", True),
        ("has(request.agent.turns) && request.agent.secondsSinceUser < 0.0", True),
        ("size(request.agent) > 40 && request['agent'].errorStreak == 3", True),
        ("true", True),
    ],
)
def test_a_rule_asks_the_facts(when: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert holds(when) is expected


@pytest.mark.parametrize(
    "when",
    [
        "request.headers['x-missing'] == 'a'",
        "1 / request.images > 0",
        "request.nothing > 1",
        "request.agent.nothing > 1",
        "nothing > 1",
        "request.turns * 9223372036854775807 > 0",
        "request.text > 5",
        "request.text.matches('(')",
        "request.turns",
        "request.text",
    ],
)
def test_what_cant_be_evaluated_fails_with_words(when: str) -> None:
    with pytest.raises(RuleFailed, match=r"\w"):
        holds(when)


@pytest.mark.parametrize("when", ["", "1 +", "request.turns >", "foo(", "'\ud800'"])
def test_what_does_not_parse_is_refused_when_compiled(when: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        CelConditions().compile(when)


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_no_text_breaks_a_rule(text: str, headers: dict[str, str]) -> None:
    facts = replace(FACTS, text=text + "\ud800", user=text, headers=headers)
    assert holds("request.text.size() >= 1 && request.headers.size() >= 0", facts)
    assert holds("request.user == request.user && request == request", facts)
