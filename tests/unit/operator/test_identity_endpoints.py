"""Where a gateway's own identity of a cloud may go: to that cloud alone, on a cluster."""

import json
from typing import Any

import pytest

from support.resources import Wire, backend, secret
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

KEY = {"type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"}
BY_SECRET = {"google": {"secretRef": {"name": "keys", "key": "a"}}}
VERTEX = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1"


def problems(*documents: Wire, form: Form = Form.CLUSTER) -> list[tuple[str, str]]:
    """Each problem's reason and place."""
    found = [parse(document) for document in documents]
    assert [mistake for one in found for mistake in one.mistakes] == []
    plan = compile_table(gather([one.resource for one in found if one.resource]), form)
    return [(str(problem.reason), dotted(problem.path)) for _, problem in plan.problems]


@pytest.mark.parametrize(
    ("cloud", "endpoint"),
    [
        ("google", VERTEX),
        ("google", "https://aiplatform.googleapis.com/v1/projects/p/locations/global"),
        ("google", "https://claude.googleapis.com/v1/projects/p/locations/global"),
        ("azure", "https://shop.openai.azure.com/openai/v1"),
        ("azure", "https://shop.services.ai.azure.com/anthropic"),
        ("azure", "https://shop.openai.azure.us/openai/v1"),
        ("aws", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("aws", "https://bedrock-runtime.us-east-1.api.aws"),
    ],
)
def test_it_goes_to_its_own_cloud(cloud: str, endpoint: str) -> None:
    assert problems(backend(endpoint=endpoint, auth={cloud: {}})) == []


@pytest.mark.parametrize(
    ("cloud", "endpoint"),
    [
        ("google", "https://example.com/v1"),
        ("google", "https://googleapis.com.example.com/v1"),
        ("google", "https://examplegoogleapis.com/v1"),
        ("google", VERTEX.replace("https", "http")),
        ("google", "https://shop.openai.azure.com/openai/v1"),
        ("azure", "https://shop.westeurope.cloudapp.azure.com/openai/v1"),
        ("azure", "https://shop.azure-api.net/openai/v1"),
        ("aws", "https://amazonaws.com.example.com"),
    ],
)
def test_it_goes_nowhere_else(cloud: str, endpoint: str) -> None:
    made = backend(endpoint=endpoint, auth={cloud: {}})
    assert problems(made) == [("EndpointNotPermitted", "spec.endpoint")]
    assert problems(made, form=Form.FILE) == []


def test_further_endpoints_are_looked_at_too() -> None:
    endpoints: list[dict[str, Any]] = [
        {"endpoint": "https://example.com/v1"},
        {"auth": {"azure": {}}},
    ]
    assert problems(backend(endpoint=VERTEX, auth={"google": {}}, endpoints=endpoints)) == [
        ("EndpointNotPermitted", "spec.endpoints[0].endpoint"),
        ("EndpointNotPermitted", "spec.endpoints[1].auth"),
    ]


def test_an_identity_of_ones_own_may_go_anywhere() -> None:
    keys = secret(a=json.dumps(KEY))
    assert problems(keys, backend(endpoint="https://example.com/v1", auth=BY_SECRET)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "external_account"},
        {"type": "authorized_user"},
        {"token_uri": "http://169.254.169.254/"},
        {"token_uri": "https://example.com/token"},
    ],
)
def test_only_a_service_accounts_key_is_taken(change: dict[str, Any]) -> None:
    keys = secret(a=json.dumps({**KEY, **change}))
    made = problems(keys, backend(endpoint=VERTEX, auth=BY_SECRET))
    assert made == [("SecretInvalid", "spec.auth.google.secretRef.key")]


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({"google": {"env": "KEY"}}, "google.env"),
        ({"azure": {"tenantId": "t", "clientId": "c", "env": "SECRET"}}, "azure.env"),
        ({"aws": {"profile": "mine"}}, "aws.profile"),
    ],
)
def test_what_names_the_gateways_machine_is_for_files(auth: dict[str, Any], field: str) -> None:
    endpoints = {
        "google": VERTEX,
        "azure": "https://shop.openai.azure.com/openai/v1",
        "aws": "https://bedrock-runtime.eu-west-1.amazonaws.com",
    }
    made = backend(endpoint=endpoints[next(iter(auth))], auth=auth)
    assert ("EnvNotPermitted", f"spec.auth.{field}") in problems(made)
    assert problems(made, form=Form.FILE) == []
