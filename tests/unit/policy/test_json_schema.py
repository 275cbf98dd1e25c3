"""The JSON Schema for editors takes what the parser takes, and refuses its plain mistakes."""

import jsonschema_rs
import pytest

from support.resources import Wire, backend, changed, policy
from weir_policy.describe.json_schema import json_schema


@pytest.mark.parametrize(
    "document",
    [policy(), backend(), policy(cascade={"accept": "0.7", "judge": {"backend": "weak"}})],
)
def test_good_resources_are_valid(document: Wire) -> None:
    assert jsonschema_rs.validator_for(json_schema()).is_valid(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.modes", "Shadow"),
        ("spec.mode", "shadow"),
        ("spec.candidates", []),
        ("spec.objective.threshold", 0.5),
        ("kind", "Policy"),
    ],
)
def test_mistakes_are_not(path: str, value: object) -> None:
    document = changed(policy(), path, value)
    assert not jsonschema_rs.validator_for(json_schema()).is_valid(document)
