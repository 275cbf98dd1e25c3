"""How failures are borne: from YAML to the gateway's domain, with one set of defaults."""

import json

import pytest

from support.resources import Wire, backend, policy, secret
from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.table import Backend, RouteTable, SecretRef
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.spec.resilience import Breaker, FallbackOn, Hedge, Quantile, Queue, Retries
from weir_policy.table import FORMAT, decode

RETRIES = Retries(attempts=2, budget=0.2, wait=1.0)
BREAKER = Breaker(failures=10, share=0.25, window=10.0, open=5.0, trials=3)
QUEUE = Queue(size=16, wait=0.25)
HEDGE = Hedge(budget=0.05, after=Quantile.P95)
# What one provider declines is not to be tried on the next unless the policy says so.
FALLBACK_DEFAULT = frozenset(FallbackOn) - {FallbackOn.CONTENT_FILTER}


def _plan(*documents: Wire, form: Form = Form.CLUSTER) -> Plan:
    found = [parse(document) for document in documents]
    assert [mistake for one in found for mistake in one.mistakes] == []
    return compile_table(gather([one.resource for one in found if one.resource]), form)


def _table(*documents: Wire) -> RouteTable:
    plan = _plan(*documents)
    assert plan.problems == ()
    return build(plan.table, None).table


def _backend(**spec: object) -> Backend:
    (decoded,) = _table(backend("weak", "shop", **spec)).backends.values()
    return decoded


def _settled(decoded: Backend) -> tuple[Retries, Breaker, Queue, Hedge | None]:
    return decoded.retries, decoded.breaker, decoded.queue, decoded.hedge


def test_a_resource_that_says_nothing_has_the_domains_defaults() -> None:
    assert _settled(_backend()) == (RETRIES, BREAKER, QUEUE, None)
    assert _backend(hedge={}).hedge == HEDGE
    made = _table(backend("weak"), backend("strong"), policy())
    assert made.policies[0].fallback_on == FALLBACK_DEFAULT


def test_a_table_that_says_nothing_has_them_too() -> None:
    spec = {"protocol": "openai", "endpoint": "http://x/v1", "model": "m"}
    entry = {"id": "shop/weak", "spec": spec}
    text = json.dumps({"format": FORMAT, "version": "v", "backends": {"shop/weak": entry}})
    (decoded,) = build(decode(text.encode()), None).table.backends.values()
    assert _settled(decoded) == (RETRIES, BREAKER, QUEUE, None)
    assert decoded.endpoints == ()


def test_everything_that_is_said_arrives() -> None:
    decoded = _backend(
        retries={"attempts": 4, "budget": "5%", "wait": "300ms"},
        breaker={"failures": 7, "share": "50%", "window": "1m", "open": "2s", "trials": 2},
        queue={"size": 0, "wait": "1s"},
        hedge={"budget": "1%", "after": "p99"},
    )
    assert _settled(decoded) == (
        Retries(attempts=4, budget=0.05, wait=0.3),
        Breaker(failures=7, share=0.5, window=60, open=2, trials=2),
        Queue(size=0, wait=1),
        Hedge(budget=0.01, after=Quantile.P99),
    )


def test_what_falls_back_is_the_policys() -> None:
    mode = {"upstream": ["strong"], "fallbackOn": ["contentFilter", "down"]}
    made = _table(backend("weak"), backend("strong"), policy(failureMode=mode))
    assert made.policies[0].fallback_on == {FallbackOn.CONTENT_FILTER, FallbackOn.DOWN}


def test_further_endpoints_and_keys_stand_beside_its_own() -> None:
    key = {"name": "keys", "key": "second"}
    made = _table(
        secret("keys", second="k2"),
        backend(
            "weak",
            endpoints=[
                {"endpoint": "https://b.example.com/v1", "weight": 30},
                {"auth": {"secretRef": key, "header": "api-key"}},
            ],
        ),
    )
    (decoded,) = made.backends.values()
    own, other, keyed = decoded.endpoints
    assert [(e.backend.id, e.backend.endpoint, e.weight) for e in decoded.endpoints] == [
        ("shop/weak#1", "https://api.example.com/v1", 10),
        ("shop/weak#2", "https://b.example.com/v1", 30),
        ("shop/weak#3", "https://api.example.com/v1", 10),
    ]
    assert own.backend.auth is None
    assert other.backend.auth is None
    assert keyed.backend.auth == SecretRef("shop", "keys", "second")
    assert keyed.backend.key_header == "api-key"


def test_a_further_endpoints_key_is_waited_for_like_its_own() -> None:
    ref = SecretRef("shop", "keys", "second")
    extra = {"auth": {"secretRef": {"name": "keys", "key": "second"}}}
    made = _table(secret("keys", second="k2"), backend("weak", endpoints=[extra]))
    store = Credentials({})
    assert store.missing(made.backends.values()) == [ref]
    (found,) = made.backends.values()
    with pytest.raises(UpstreamError, match="second of secret shop/keys"):
        store.for_backend(found.endpoints[1].backend)
    store.replace({ref: Secret("k2")})
    assert store.missing(made.backends.values()) == []


def test_a_cluster_refuses_of_a_further_endpoint_what_it_refuses_of_the_first() -> None:
    plan = _plan(
        backend(
            "weak",
            endpoints=[
                {"endpoint": "http://127.0.0.1:1/v1"},
                {"auth": {"env": "KEY"}},
                {"auth": {"secretRef": {"name": "none", "key": "k"}}},
            ],
        )
    )
    assert [(str(p.reason), dotted(p.path)) for _, p in plan.problems] == [
        ("EndpointNotPermitted", "spec.endpoints[0].endpoint"),
        ("EnvNotPermitted", "spec.endpoints[1].auth.env"),
        ("SecretNotFound", "spec.endpoints[2].auth.secretRef.name"),
    ]
