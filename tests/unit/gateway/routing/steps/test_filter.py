"""Which candidates can serve at all."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import backend, policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.policy.compiled import compile_table
from weir_gateway.routing.steps.filter import Fit, filter_candidates
from weir_policy.spec.backend import Capability

TOOLS, VISION = Capability.TOOLS, Capability.VISION


def fitting(asked: Request, candidates: Sequence[Backend]) -> Fit:
    made = policy(candidates=candidates)
    return filter_candidates(compile_table(table(made), CelConditions()).by_id[made.id], asked)


def names(fitted: Fit) -> list[str]:
    return [b.name for b in fitted[0]]


def test_all_can_serve_a_plain_request() -> None:
    candidates = [backend("a"), backend("b", context_window=100)]
    assert fitting(request(), candidates) == (tuple(candidates), ())


def test_what_lacks_a_capability_is_out_and_says_which() -> None:
    candidates = [backend("a", capabilities=[TOOLS]), backend("b", capabilities=[TOOLS, VISION])]
    fitted = fitting(request(needs=[TOOLS, VISION]), candidates)
    assert names(fitted) == ["b"]
    assert [(e.backend, e.lacks) for e in fitted[1]] == [("shop/a", "vision")]


def test_a_capability_nobody_has_is_the_clients_to_mend() -> None:
    with pytest.raises(BadRequest, match="has vision: send the request without it") as caught:
        fitting(request(needs=[VISION, TOOLS]), [backend("a", capabilities=[TOOLS])])
    assert (caught.value.status, caught.value.code) == (400, "capability_missing")


def test_capabilities_nobody_has_together() -> None:
    candidates = [backend("a", capabilities=[TOOLS]), backend("b", capabilities=[VISION])]
    with pytest.raises(BadRequest, match="together tools, vision"):
        fitting(request(needs=[VISION, TOOLS]), candidates)


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        (90, 10, ["a", "b", "c"]),
        (91, 10, ["b", "c"]),
        (1000, 0, ["b", "c"]),
        (1001, 0, ["c"]),
    ],
)
def test_a_window_too_narrow_for_prompt_and_answer_is_out(
    prompt: int, answer: int, expected: list[str]
) -> None:
    candidates = [backend("a", context_window=100), backend("b", context_window=1000), backend("c")]
    asked = request(prompt_tokens=prompt, max_tokens=answer)
    assert names(fitting(asked, candidates)) == expected


def test_where_none_is_wide_enough_the_widest_has_the_last_word() -> None:
    candidates = [backend("a", context_window=1000), backend("b", context_window=100)]
    fitted = fitting(request(prompt_tokens=5000), candidates)
    assert names(fitted) == ["a"]
    assert fitted[1][0].lacks == "context: 100 of about 5000 tokens"


CAPABILITIES = st.frozensets(st.sampled_from(list(Capability)))


@given(
    st.lists(st.tuples(CAPABILITIES, st.sampled_from([0, 10, 100])), min_size=1, max_size=5),
    CAPABILITIES,
    st.integers(0, 200),
)
def test_who_serves_has_all_and_everyone_is_accounted_for(
    made: list[tuple[frozenset[Capability], int]], needs: frozenset[Capability], tokens: int
) -> None:
    candidates = [
        backend(str(n), capabilities=sorted(has), context_window=window)
        for n, (has, window) in enumerate(made)
    ]
    asked = request(needs=sorted(needs), prompt_tokens=tokens)
    if not any(needs <= has for has, _ in made):
        with pytest.raises(BadRequest):
            fitting(asked, candidates)
        return
    servable, excluded = fitting(asked, candidates)
    assert servable
    assert all(needs <= b.capabilities for b in servable)
    assert {b.id for b in servable} | {e.backend for e in excluded} == {b.id for b in candidates}
    assert len(servable) + len(excluded) == len(candidates)
    assert [b for b in candidates if b in servable] == list(servable)  # still weakest first
