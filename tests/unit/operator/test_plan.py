"""The planner: what goes into the table, what is left out and why, the same for any order."""

import random
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.limits import limits as amounts
from support.resources import Wire, backend, changed, policy, secret
from weir_operator.apply.table_publisher import snapshot_of
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import MEANINGS, Condition, Reason
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Invalid, gather
from weir_policy.spec.cache import CacheScope
from weir_policy.spec.limits import LimitsFailure, limits_of
from weir_policy.spec.objective import Period
from weir_policy.spec.policy import Mode, ScorerFailure

PAIR = (backend("weak"), backend("strong"))
ROUTERS = frozenset({"linear", "mf"})


def plan(*documents: Wire, form: Form = Form.CLUSTER) -> Plan:
    """Compile documents; those with mistakes count as invalid."""
    parsed = [parse(document) for document in documents]
    return compile_table(
        gather(
            [p.resource for p in parsed if p.resource],
            [Invalid(p.meta, p.mistakes) for p in parsed if p.meta and not p.resource],
        ),
        form,
        routers=ROUTERS,
    )


def told(made: Plan) -> list[tuple[str, str, str]]:
    """Every problem: whose, why, where."""
    return [(ref.name, str(p.reason), dotted(p.path)) for ref, p in made.problems]


def created(document: Wire, at: str) -> Wire:
    """The same resource with an age."""
    return changed(document, "metadata.creationTimestamp", at)


def test_a_good_policy_is_compiled_in_full() -> None:
    made = plan(
        *PAIR,
        policy(
            match={"models": ["auto"], "headers": [{"name": "X-Team", "value": "a"}]},
            rules=[{"name": "r", "when": "request.tools > 0", "use": "strong"}],
            failureMode={"scorer": "strong", "upstream": ["weak"]},
            expose={"clientThreshold": {"min": "0.2", "max": "0.9"}},
            probes=[{"prompt": "hi", "expect": "weak"}],
            mode="Shadow",
        ),
    )
    assert told(made) == []
    compiled = made.table.policies[0].spec
    assert [c.backend for c in compiled.candidates] == ["shop/weak", "shop/strong"]
    assert (compiled.rules[0].use, compiled.probes[0].expect) == ("shop/strong", "shop/weak")
    assert list(compiled.failure_mode.upstream) == ["shop/weak"]
    assert compiled.match.headers[0].name == "x-team"
    assert compiled.mode is Mode.SHADOW
    assert compiled.failure_mode.scorer is ScorerFailure.STRONG
    assert compiled.expose.client_threshold is not None
    assert compiled.expose.client_threshold.max == 0.9
    assert len(made.table.version) == 64


def test_caches_are_carried() -> None:
    semantic = {"ttl": "1h", "similarity": "0.97"}
    cache = {"exact": {"ttl": "10m"}, "semantic": semantic, "scope": "policy", "temperature": "any"}
    compiled = plan(*PAIR, policy(cache=cache)).table.policies[0].spec.cache
    assert compiled is not None
    assert compiled.exact is not None
    assert compiled.semantic is not None
    assert (compiled.exact.ttl, compiled.semantic.ttl) == (600, 3600)
    assert (compiled.semantic.similarity, compiled.scope) == (0.97, CacheScope.POLICY)
    assert compiled.temperature > 1000
    plain = plan(*PAIR, policy(cache={"exact": {"ttl": "10m"}})).table.policies[0].spec.cache
    assert plain is not None
    assert (plain.scope, plain.temperature, plain.semantic) == (CacheScope.KEY, 0, None)


def test_limits_are_carried() -> None:
    allowance = {"requestsPerMinute": 600, "tokensPerMinute": 90_000, "usdPerMinute": "0.5"}
    total = {"usdPerDay": "50", "strongUsdPerDay": "20.25"}
    limits = {"perKey": allowance, "total": total}
    closed = {"limits": "closed"}
    compiled = plan(*PAIR, policy(limits=limits, failureMode=closed)).table.policies[0].spec
    assert compiled.limits is not None
    assert limits_of(compiled.limits.per_key) == amounts(
        requests_per_minute=600, tokens_per_minute=90_000, usd_per_minute=5 * 10**11
    )
    assert limits_of(compiled.limits.total) == amounts(
        usd_per_day=50 * 10**12, strong_usd_per_day=20_250_000_000_000
    )
    assert compiled.failure_mode.limits is LimitsFailure.CLOSED
    assert plan(*PAIR, policy()).table.policies[0].spec.limits is None
    limited = backend(limits={"requestsPerMinute": 5, "tokensPerMinute": 6})
    bounds = limits_of(plan(limited).table.backends[0].spec.limits)
    assert bounds == amounts(requests_per_minute=5, tokens_per_minute=6)


def test_a_bad_policy_is_left_out_and_a_good_one_goes_on() -> None:
    bad = policy("bad", rules=[{"name": "r", "when": "request.tols > 0", "use": "weak"}])
    made = plan(*PAIR, policy(), bad)
    assert [p.id for p in made.table.policies] == ["shop/chat"]
    assert told(made) == [("bad", "InvalidRule", "spec.rules[0].when")]


@pytest.mark.parametrize(
    ("documents", "problem"),
    [
        ((backend("weak"), policy()), ("chat", "UnknownBackend", "spec.candidates[1].backend")),
        ((*PAIR, policy(router={"name": "bert"})), ("chat", "NotSupported", "spec.router.name")),
        ((backend(auth={"env": "KEY"}),), ("strong", "EnvNotPermitted", "spec.auth.env")),
        (
            (backend(endpoint="http://169.254.169.254/v1"),),
            ("strong", "EndpointNotPermitted", "spec.endpoint"),
        ),
        (
            (backend(auth={"secretRef": {"name": "keys", "key": "a"}}),),
            ("strong", "SecretNotFound", "spec.auth.secretRef.name"),
        ),
        (
            (secret(b="x"), backend(auth={"secretRef": {"name": "keys", "key": "a"}})),
            ("strong", "SecretKeyNotFound", "spec.auth.secretRef.key"),
        ),
        (
            (secret(a="two words"), backend(auth={"secretRef": {"name": "keys", "key": "a"}})),
            ("strong", "SecretInvalid", "spec.auth.secretRef.key"),
        ),
        (
            (secret(a="no pem"), backend(tls={"caSecretRef": {"name": "keys", "key": "a"}})),
            ("strong", "SecretInvalid", "spec.tls.caSecretRef.key"),
        ),
        (
            (
                secret(namespace="other", a="k"),
                backend(auth={"secretRef": {"name": "keys", "key": "a"}}),
            ),
            ("strong", "SecretNotFound", "spec.auth.secretRef.name"),
        ),
    ],
)
def test_each_problem_has_its_reason_and_place(
    documents: tuple[Wire, ...], problem: tuple[str, str, str]
) -> None:
    assert told(plan(*documents)) == [problem]


def test_a_policy_over_a_backend_with_problems_says_so() -> None:
    made = plan(backend("weak"), backend("strong", auth={"env": "KEY"}), policy())
    assert ("chat", "BackendNotUsable", "spec.candidates[1].backend") in told(made)
    unread = plan(backend("weak"), backend("strong", endpoint="x"), policy())
    assert ("chat", "BackendNotUsable", "spec.candidates[1].backend") in told(unread)
    assert ("strong", "InvalidSpec", "spec.endpoint") in told(unread)


def test_files_may_name_the_environment_and_this_machine() -> None:
    document = backend(endpoint="http://127.0.0.1:8000/v1", auth={"env": "KEY"})
    made = plan(document, form=Form.FILE)
    assert told(made) == []
    auth = made.table.backends[0].spec.auth
    assert auth is not None
    assert auth.env == "KEY"


def test_secret_values_are_beside_the_table_and_never_in_it() -> None:
    made = plan(
        secret(k="sk-very-secret\n"), backend(auth={"secretRef": {"name": "keys", "key": "k"}})
    )
    assert told(made) == []
    assert b"sk-very-secret" not in made.table_json
    assert "sk-very-secret" not in repr(made)
    assert "sk-very-secret" not in repr(snapshot_of(made))
    whole = snapshot_of(made).message
    assert [(c.ref.key, c.value) for c in whole.credentials] == [("k", "sk-very-secret")]
    assert whole.version == made.table.version


def test_a_pem_bundle_is_taken_as_it_is() -> None:
    pem = "".join(
        ssl.DER_cert_to_PEM_cert(der)
        for der in ssl.create_default_context().get_ca_certs(binary_form=True)[:2]
    )
    if not pem:
        pytest.skip("this machine has no certificate authorities to read: install ca-certificates")
    made = plan(secret(ca=pem), backend(tls={"caSecretRef": {"name": "keys", "key": "ca"}}))
    assert told(made) == []
    assert made.credentials[0].value == pem


# Who serves


def headers(*names: str) -> dict[str, object]:
    """A match on `auto` with a header per name."""
    return {"models": ["auto"], "headers": [{"name": n, "value": "a"} for n in names]}


def test_more_specific_goes_first_then_older_then_name() -> None:
    made = plan(
        *PAIR,
        created(policy("b-new", match=headers("x")), "2026-01-02T00:00:00Z"),
        created(policy("c-old", match=headers("y")), "2026-01-01T00:00:00Z"),
        created(policy("a-new", match=headers("z")), "2026-01-02T00:00:00Z"),
        created(policy("d-two", match=headers("x", "y")), "2026-01-03T00:00:00Z"),
        created(policy("e-none"), "2025-01-01T00:00:00Z"),
    )
    assert told(made) == []
    assert [p.id.removeprefix("shop/") for p in made.table.policies] == (
        ["d-two", "c-old", "a-new", "b-new", "e-none"]
    )


def test_of_two_policies_on_one_match_the_older_serves_and_the_other_is_told_by_whom() -> None:
    made = plan(
        *PAIR,
        created(policy("a-young", match={"models": ["x", "auto"]}), "2026-01-02T00:00:00Z"),
        created(policy("z-old"), "2026-01-01T00:00:00Z"),
    )
    assert [p.id for p in made.table.policies] == ["shop/z-old"]
    ((ref, problem),) = made.problems
    assert (ref.name, problem.reason, dotted(problem.path)) == (
        *("a-young", Reason.CONFLICT, "spec.match.models[1]"),
    )
    assert "RoutePolicy shop/z-old" in problem.message


def test_header_names_and_order_make_no_difference_to_a_conflict() -> None:
    one = {
        "models": ["auto"],
        "headers": [{"name": "A", "value": "1"}, {"name": "b", "value": "2"}],
    }
    two = {
        "models": ["auto"],
        "headers": [{"name": "B", "value": "2"}, {"name": "a", "value": "1"}],
    }
    made = plan(*PAIR, policy("p", match=one), policy("q", match=two))
    assert told(made) == [("q", "Conflict", "spec.match.models[0]")]


def test_equal_patterns_conflict_and_overlapping_ones_do_not() -> None:
    made = plan(
        *PAIR,
        created(policy("young", match={"models": ["claude-*"]}), "2026-01-02T00:00:00Z"),
        created(policy("old", match={"models": ["claude-*"]}), "2026-01-01T00:00:00Z"),
        policy("narrow", match={"models": ["claude-opus-*"]}),
    )
    assert told(made) == [("young", "Conflict", "spec.match.models[0]")]


def test_a_pattern_needs_a_gateway_that_matches_patterns() -> None:
    made = plan(*PAIR, policy("all", match={"models": ["*"]}), policy("one"))
    requires = {entry.id: entry.requires for entry in made.table.policies}
    assert requires == {"shop/all": ("modelWildcards",), "shop/one": ()}


def test_a_path_that_two_policies_pass_through_is_a_conflict() -> None:
    path = {"path": "/v1/images/generations", "backend": "weak"}
    made = plan(
        *PAIR,
        created(
            policy("young", match={"models": ["a"]}, passthrough=[path]), "2026-01-02T00:00:00Z"
        ),
        created(policy("old", match={"models": ["b"]}, passthrough=[path]), "2026-01-01T00:00:00Z"),
        policy("get", match={"models": ["c"]}, passthrough=[{**path, "methods": ["GET"]}]),
    )
    assert told(made) == [("young", "Conflict", "spec.passthrough[0].path")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ({"path": "/v1/images/*", "backend": "none"}, "UnknownBackend"),
        ({"path": "/v1/chat/completions", "backend": "weak"}, "NotSupported"),
        ({"path": "/v1/batches", "backend": "weak"}, "NotSupported"),
    ],
)
def test_a_path_that_cant_pass_through_is_told(path: Wire, reason: str) -> None:
    made = plan(*PAIR, policy(passthrough=[path]))
    assert [problem.reason for _, problem in made.problems] == [reason]


def test_a_policy_with_problems_stands_in_nobodys_way() -> None:
    made = plan(*PAIR, policy("a", router={"name": "bert"}), policy("b"))
    assert [p.id for p in made.table.policies] == ["shop/b"]


# Other namespaces


@pytest.mark.parametrize("allowed", [["shop"], ["*"], ["x", "shop"]])
def test_a_backend_may_be_shared(allowed: list[str]) -> None:
    shared = backend("strong", "models", allowedNamespaces=allowed)
    candidates = [{"backend": "weak"}, {"backend": "strong", "namespace": "models"}]
    made = plan(backend("weak"), shared, policy(candidates=candidates))
    assert told(made) == []
    served = made.table.policies[0].spec.candidates
    assert [c.backend for c in served] == ["shop/weak", "models/strong"]


@pytest.mark.parametrize("allowed", [[], ["sho", "other"]])
def test_a_backend_that_is_not_shared_is_refused(allowed: list[str]) -> None:
    shared = backend("strong", "models", allowedNamespaces=allowed)
    candidates = [{"backend": "weak"}, {"backend": "strong", "namespace": "models"}]
    made = plan(backend("weak"), shared, policy(candidates=candidates))
    assert told(made) == [("chat", "RefNotPermitted", "spec.candidates[1].backend")]


# What is told


def test_findings_become_conditions() -> None:
    made = plan(backend("weak"), policy(router={"name": "bert"}))
    finding = next(f for f in made.findings if f.ref.name == "chat")
    accepted = finding.verdict(Condition.ACCEPTED)
    resolved = finding.verdict(Condition.RESOLVED_REFS)
    assert (accepted.holds, accepted.reason) == (False, Reason.NOT_SUPPORTED)
    assert (resolved.holds, resolved.reason) == (False, Reason.UNKNOWN_BACKEND)
    assert "spec.router.name" in accepted.message
    good = next(f for f in made.findings if f.ref.name == "weak")
    assert good.verdict(Condition.ACCEPTED).reason is Reason.ACCEPTED
    assert good.verdict(Condition.RESOLVED_REFS).holds


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


def test_a_message_is_bounded() -> None:
    rules = [
        {"name": f"r{i}", "when": f"request.x{i} > 0 && {'y' * 40}", "use": "weak"}
        for i in range(32)
    ]
    made = plan(*PAIR, policy(rules=rules))
    finding = next(f for f in made.findings if f.ref.name == "chat")
    assert len(finding.verdict(Condition.ACCEPTED).message) <= 4096


# Always the same


def many() -> list[Wire]:
    """A little of everything, some of it bad."""
    return [
        *PAIR,
        backend("strong", "models", allowedNamespaces=["shop"]),
        backend("keyed", auth={"secretRef": {"name": "keys", "key": "k"}}),
        backend("lost", auth={"secretRef": {"name": "none", "key": "k"}}),
        secret(k="sk-1"),
        policy("a"),
        policy("b"),
        policy("c", match=headers("x")),
        policy("d", match=headers("x"), mode="Shadow"),
        policy(
            "e", match={"models": ["e"]}, candidates=[{"backend": "keyed"}, {"backend": "lost"}]
        ),
        policy("f", match={"models": ["f"]}, objective={"strongShare": "20%"}),
        policy("g", objective={}),
    ]


@given(seed=st.integers())
def test_order_makes_no_difference(seed: int) -> None:
    shuffled = many()
    random.Random(seed).shuffle(shuffled)
    one, two = plan(*many()), plan(*shuffled)
    assert one.table_json == two.table_json
    assert one.findings == two.findings
    assert one.credentials == two.credentials


def test_the_version_follows_what_is_served_and_nothing_else() -> None:
    base = plan(*PAIR, policy()).table.version
    assert plan(*PAIR, policy(), policy("bad", objective={})).table.version == base
    assert plan(*PAIR, policy(mode="Shadow")).table.version != base


@pytest.mark.parametrize("form", Form)
def test_a_provider_is_described_by_its_resource_alone(form: Form) -> None:
    azure = backend(
        wires=["responses", "chat"],
        query=[{"name": "api-version", "value": "2024-10-21"}],
        headers=[{"name": "X-Trace", "value": "a b"}],
        auth={"secretRef": {"name": "keys", "key": "a"}, "header": "Api-Key"},
    )
    made = plan(azure, secret(a="k"), form=form).table.backends[0].spec
    assert list(made.wires) == ["responses", "chat"]
    assert [(q.name, q.value) for q in made.query] == [("api-version", "2024-10-21")]
    assert [(h.name, h.value) for h in made.headers] == [("x-trace", "a b")]
    assert made.auth is not None
    assert made.auth.header == "api-key"


def test_one_candidate_needs_no_objective() -> None:
    alone = policy(candidates=[{"backend": "strong"}], objective=None)
    made = plan(backend("strong", protocol="anthropic", endpoint="https://api.example.com"), alone)
    assert not told(made)
    assert made.table.policies[0].spec.objective is None


EXPLORATION = {"band": "0.05", "share": "2%", "budget": {"usd": "5", "per": "day"}}


def test_an_exploration_is_compiled_with_its_budget() -> None:
    made = plan(*PAIR, policy(exploration=EXPLORATION))
    assert told(made) == []
    explored = made.table.policies[0].spec.exploration
    assert explored is not None
    assert (explored.band, explored.share) == (0.05, 0.02)
    assert (explored.budget.usd, explored.budget.per) == (5 * 10**12, Period.DAY)
    assert plan(*PAIR, policy()).table.policies[0].spec.exploration is None


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"exploration": {**EXPLORATION, "band": "0"}}, "spec.exploration.band"),
        ({"exploration": {**EXPLORATION, "share": "100%"}}, "spec.exploration.share"),
        ({"exploration": {"band": "0.1", "share": "2%"}}, "spec.exploration.budget"),
        (
            {"exploration": EXPLORATION, "cascade": {"accept": "0.7"}},
            "spec.exploration",
        ),
    ],
)
def test_an_exploration_without_bounds_is_refused(more: Wire, at: str) -> None:
    spec = policy()["spec"]
    assert isinstance(spec, dict)
    assert at in {
        place for _, _, place in told(plan(*PAIR, {**policy(), "spec": {**spec, **more}}))
    }
