"""Rules' CEL: what is good, what is refused, and where in the expression."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_operator.plan.rules import Fault, fact_names, faults


@pytest.mark.parametrize(
    "expression",
    [
        "request.tools > 0 && request.turns > 6",
        "request.headers['x-team'] == 'support'",
        "'x-team' in request.headers",
        "has(request.headers.team)",
        "size(request.text) > 1000 || request.images > 0",
        "request.text.matches('(?i)prove')",
        "request.temperature < 0.5",
        "[1, 2].exists(x, x == request.turns)",
        "['a', 'b'].all(word, request.text.contains(word))",
        "request.stream",
        "request.text == 'request.nothing'",
        "request.json_schema ? request.turns > 1 : false",
        "100 / request.turns > 5",
        "request.agent.errorStreak > 2 && !request.agent.subagent",
        "request.agent.lastTests == 'fail' || request.agent.secondsSinceUser > 60.0",
        "has(request.agent.done) && request . agent . turns > 3",
        "size(request.agent.harness) > 0",
        "true",
    ],
)
def test_good_rules_have_no_fault(expression: str) -> None:
    assert faults(expression) == ()


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("request.tools >", Fault("is not CEL: mismatched input '<EOF>'", "", 1, 16)),
        (
            "request.tools > 0 &&\n request.tols",
            Fault("a request has no tols", "did you mean tools?", 2, 10),
        ),
        ("req.tools > 0", Fault("there is no variable req", "a rule sees only `request`", 1, 1)),
        (
            "request.text.contain('a')",
            Fault("there is no function contain", "did you mean contains?", 1, 14),
        ),
        (
            "request.agent.errorStreek > 2",
            Fault("request.agent has no errorStreek", "did you mean errorStreak?", 1, 15),
        ),
        (
            "request.agent.error_streak > 2",
            Fault("request.agent has no error_streak", "did you mean errorStreak?", 1, 15),
        ),
        ("request.tools", Fault("is not true or false", "compare it: request.tools > 0")),
        ("request.text + 'a'", Fault("is not true or false", "compare it: request.tools > 0")),
    ],
)
def test_a_fault_is_told_with_its_place(expression: str, fault: Fault) -> None:
    assert faults(expression) == (fault,)


@pytest.mark.parametrize(
    "expression",
    [
        "request.text > 5",
        "request.tools > 0 && request.text > 5",
        "request.tools == 0 && request.text > 5",
        "request.stream && request.user + 1 == 2",
        "request.agent.harness > 2",
        "request.agent.errorStreak > 'a'",
    ],
)
def test_operands_of_different_types_are_found_behind_a_short_circuit(expression: str) -> None:
    (fault,) = faults(expression)
    assert fault.message == "compares or combines values of different types"


def test_a_bad_regular_expression_is_a_fault() -> None:
    (fault,) = faults("request.text.matches('(')")
    assert "regex" in fault.message


def test_unknown_names_are_all_told_even_where_they_would_not_be_evaluated() -> None:
    found = [f.message for f in faults("false && request.a && b && c()")]
    assert found == ["there is no variable b", "there is no function c", "a request has no a"]


def test_the_facts_are_those_of_the_wire() -> None:
    assert {"model", "turns", "tools", "headers", "text"} <= set(fact_names())


@given(text=st.text(max_size=60) | st.from_regex(r"request\.[a-z]+ ?[<>=&|!]* ?[0-9a-z'(]*"))
def test_any_text_is_judged_and_never_raises(text: str) -> None:
    assert isinstance(faults(text), tuple)


@pytest.mark.parametrize("text", ["(" * 2048, "!" * 2048, "a." * 1024, "[" * 2048, "-1" * 1024])
def test_deep_expressions_are_judged_too(text: str) -> None:
    assert isinstance(faults(text), tuple)
