"""Which policy serves a request."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import STRONG, policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import BadRequest, NoPolicy
from weir_gateway.domain.request import ClientKey, KeyName, Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.policy.compiled import PolicyMatch, callable_models, compile_table
from weir_gateway.routing.policy.match import match_policy
from weir_policy.spec.policy import ClientThreshold, Expose

BOUNDED = Expose(client_threshold=ClientThreshold(min=0.2, max=0.9))
DIRECT = Expose(direct=True, client_threshold=None)


def matched(asked: Request, *policies: Policy) -> PolicyMatch:
    return match_policy(compile_table(table(*policies), CelConditions()), asked)


@pytest.mark.parametrize(
    ("model", "headers", "expected"),
    [
        ("auto", {}, "any-team"),
        ("auto", {"x-team": "support"}, "support"),
        ("auto", {"x-team": "Support"}, "any-team"),
        ("cheap", {}, "any-team"),
        ("only-support", {"x-team": "support", "x-more": "y"}, "support"),
    ],
)
def test_the_first_that_matches_serves(model: str, headers: dict[str, str], expected: str) -> None:
    found = matched(
        request(model=model, headers=headers),
        policy("support", models=["auto", "only-support"], headers={"x-team": "support"}),
        policy("any-team", models=["auto", "cheap"]),
        policy("never", models=["auto"]),
    )
    assert found.policy.policy.id == f"shop/{expected}"


def test_every_header_must_hold() -> None:
    both = policy(headers={"x-team": "a", "x-tier": "b"})
    with pytest.raises(NoPolicy):
        matched(request(headers={"x-team": "a"}), both)


def test_an_unknown_model_is_told_what_there_is() -> None:
    with pytest.raises(NoPolicy, match=r"'gpt-5'.*auto, cheap, weak, strong") as caught:
        matched(request(model="gpt-5"), policy(models=["auto", "cheap"], expose=DIRECT))
    assert (caught.value.status, caught.value.param) == (404, "model")


def test_an_empty_table_serves_nothing_and_says_so() -> None:
    with pytest.raises(NoPolicy, match="the route table is empty"):
        matched(request())


def test_a_long_models_name_is_not_repeated_whole() -> None:
    with pytest.raises(NoPolicy) as caught:
        matched(request(model="x" * 10_000), policy())
    assert len(caught.value.message) < 400


def test_a_backends_own_name_is_direct_where_exposed() -> None:
    found = matched(
        request(model="strong"), policy("closed"), policy("open", models=["x"], expose=DIRECT)
    )
    assert (found.direct, found.policy.policy.id) == (STRONG, "shop/open")
    with pytest.raises(NoPolicy):
        matched(request(model="strong"), policy("closed"))


def test_a_listed_name_goes_before_a_backends() -> None:
    found = matched(request(model="strong"), policy(models=["strong"], expose=DIRECT))
    assert found.direct is None


@pytest.mark.parametrize(
    ("model", "router", "threshold"),
    [
        ("router-mf-0.5", "mf", 0.5),
        ("router-sw_ranking-.25", "sw_ranking", 0.25),
        ("router-my-own.v2-0.2", "my-own.v2", 0.2),
        ("router-mf-0.90", "mf", 0.9),
    ],
)
def test_a_client_may_name_router_and_threshold(model: str, router: str, threshold: float) -> None:
    found = matched(request(model=model), policy("closed"), policy("open", expose=BOUNDED))
    assert found.policy.policy.id == "shop/open"
    assert (found.router, found.threshold) == (router, threshold)


@pytest.mark.parametrize(
    "model", ["router-mf-0.19", "router-mf-0.91", "router-mf-7", "router-mf-0"]
)
def test_a_threshold_out_of_bounds_is_told_the_bounds(model: str) -> None:
    with pytest.raises(BadRequest, match=r"0\.2 to 0\.9") as caught:
        matched(request(model=model), policy(expose=BOUNDED))
    assert (caught.value.status, caught.value.param) == (400, "model")
    assert caught.value.code == "client_threshold_out_of_bounds"


@pytest.mark.parametrize(
    "model",
    ["router-", "router-mf", "router-mf-", "router--0.5", "router-mf--0.5", "router-mf-0.5e0",
     "router-mf-nan", "router-mf-inf", "router-mf-0.5 ", "router-mf-\u0660.\u0665", "router-0.5"],
)  # fmt: skip
def test_a_malformed_one_is_shown_how(model: str) -> None:
    with pytest.raises(BadRequest, match="router-<router>-<threshold>"):
        matched(request(model=model), policy(expose=BOUNDED))


def test_no_policy_takes_client_thresholds_unasked() -> None:
    with pytest.raises(NoPolicy):
        matched(request(model="router-mf-0.5"), policy())


def test_what_clients_may_write() -> None:
    compiled = compile_table(
        table(policy(models=["auto", "cheap"], expose=DIRECT), policy("b", models=["auto"])),
        CelConditions(),
    )
    assert callable_models(compiled) == ("auto", "cheap", "weak", "strong")


def test_what_the_client_of_a_key_may_write() -> None:
    compiled = compile_table(
        table(policy(models=["auto", "cheap"], expose=DIRECT), policy("b", models=["auto", "b"])),
        CelConditions(),
    )
    first, second = (p.policy.id for p in compiled.by_id.values())
    for patterns, direct, names in (
        (("*",), True, ("auto", "cheap", "b", "weak", "strong")),
        ((first,), True, ("auto", "cheap", "weak", "strong")),
        ((first,), False, ("auto", "cheap")),
        ((second,), True, ("auto", "b")),
        (("other/*",), True, ()),
    ):
        key = ClientKey(KeyName("k"), policies=patterns, direct=direct)
        assert callable_models(compiled, key) == names


NAMES = st.sampled_from(["auto", "cheap", "best"])
HEADERS = st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.sampled_from(["1", "2"]))
POLICIES = st.lists(st.tuples(st.lists(NAMES, min_size=1, unique=True), HEADERS), max_size=6)


@given(POLICIES, NAMES, HEADERS)
def test_it_is_the_first_in_table_order_that_holds(
    policies: list[tuple[list[str], dict[str, str]]], model: str, headers: dict[str, str]
) -> None:
    made = [policy(str(n), models=m, headers=h) for n, (m, h) in enumerate(policies)]
    serving = [
        f"shop/{n}"
        for n, (models, asked) in enumerate(policies)
        if model in models and asked.items() <= headers.items()
    ]
    if serving:
        found = matched(request(model=model, headers=headers), *made)
        assert found.policy.policy.id == serving[0]
    else:
        with pytest.raises(NoPolicy):
            matched(request(model=model, headers=headers), *made)


@given(st.text(max_size=60))
def test_any_name_is_served_or_refused_with_words(model: str) -> None:
    with suppress(NoPolicy, BadRequest):
        matched(request(model=model), policy(expose=BOUNDED))
