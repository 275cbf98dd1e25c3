"""Policies that match by pattern: the most specific first, exact names before patterns."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import NoPolicy
from weir_gateway.domain.request import ClientKey, KeyName
from weir_gateway.domain.table import Policy
from weir_gateway.routing.policy.compiled import CompiledTable, callable_models, is_callable
from weir_gateway.routing.policy.compiled import compile_table as compile_
from weir_gateway.routing.policy.match import match_policy
from weir_gateway.routing.policy.wildcards import WildcardIndex
from weir_policy.model_patterns import model_pattern
from weir_policy.spec.policy import Expose

DIRECT = Expose(direct=True, client_threshold=None)
NAMES = st.text(alphabet="ab-", max_size=8)
PATTERNS = st.builds("{}*{}".format, NAMES, NAMES)


def compiled(*policies: Policy) -> CompiledTable:
    return compile_(table(*policies), CelConditions())


@pytest.mark.parametrize(
    ("model", "serves"),
    [
        ("claude-opus-4-1", "opus"),
        ("claude-sonnet-4-5", "claude"),
        ("claude-haiku", "haiku"),
        ("gpt-5-mini", "mini"),
        ("anything/at:all", "all"),
        ("claude-", "claude"),
    ],
)
def test_the_most_specific_pattern_serves(model: str, serves: str) -> None:
    found = match_policy(
        compiled(
            policy("all", models=["*"]),
            policy("claude", models=["claude-*"]),
            policy("opus", models=["claude-opus-*"]),
            policy("mini", models=["*-mini"]),
            policy("haiku", models=["claude-haiku"]),
        ),
        request(model=model),
    )
    assert found.policy.policy.id == f"shop/{serves}"


def test_a_pattern_takes_over_where_the_exact_names_headers_do_not_hold() -> None:
    tables = compiled(
        policy("team", models=["auto"], headers={"x-team": "a"}), policy("rest", models=["a*"])
    )
    assert match_policy(tables, request(model="auto")).policy.policy.id == "shop/rest"
    with_header = request(model="auto", headers={"x-team": "a"})
    assert match_policy(tables, with_header).policy.policy.id == "shop/team"


def test_a_backends_own_name_goes_before_a_pattern() -> None:
    tables = compiled(policy("all", models=["*"], expose=DIRECT))
    direct = match_policy(tables, request(model="weak")).direct
    assert direct is not None
    assert direct.name == "weak"
    assert match_policy(tables, request(model="other")).direct is None


def test_prefix_and_suffix_do_not_overlap() -> None:
    with pytest.raises(NoPolicy):
        match_policy(compiled(policy(models=["aba*aba"])), request(model="aba"))


def test_the_list_has_what_can_be_asked_for_and_no_patterns() -> None:
    tables = compiled(policy("all", models=["w*", "auto"]))
    assert callable_models(tables) == ("auto", "weak")
    assert is_callable(tables, "world")
    assert not is_callable(tables, "strong")


def test_a_key_may_ask_for_the_names_of_its_patterns_alone() -> None:
    tables = compiled(policy("mine", models=["w*"]), policy("theirs", models=["*", "work"]))
    key = ClientKey(name=KeyName("k"), policies=("shop/mine",))
    assert callable_models(tables, key) == ("weak",)
    assert is_callable(tables, "world", key)
    # An exact name of a policy that the key may not use: asking for it would be refused.
    assert not is_callable(tables, "work", key)
    assert not is_callable(tables, "other", key)


@given(patterns=st.lists(PATTERNS, max_size=12), model=NAMES)
def test_every_pattern_that_matches_is_found_the_most_specific_first(
    patterns: list[str], model: str
) -> None:
    split = [model_pattern(pattern) for pattern in patterns]
    index = WildcardIndex([(p, p) for p in split if p is not None])
    found = list(index.find(model))
    assert sorted(found, key=str) == sorted(
        (p for p, text in zip(split, patterns, strict=True) if fnmatch.fnmatchcase(model, text)),
        key=str,
    )
    assert [p.rank for p in found if p] == sorted(p.rank for p in found if p)
