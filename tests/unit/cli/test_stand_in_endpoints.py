"""Every backend of policy files is one that `weir stand-in` can answer for."""

from pathlib import Path

import pytest

from weir_cli.policy_files import Policies, with_endpoints_at
from weir_operator.local import compile_paths
from weir_policy.spec.backend import Protocol

BACKEND = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {{name: one}}
spec:
  protocol: {protocol}
  endpoint: {endpoint}
  model: m
  auth: {auth}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: all}}
spec:
  match: {{models: [auto]}}
  candidates: [{{backend: one}}]
"""
AT = "http://127.0.0.1:9"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
VERTEX = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1"


@pytest.mark.parametrize(
    ("protocol", "endpoint", "auth", "served"),
    [
        ("openai", "https://api.openai.com/v1", "{env: KEY}", (Protocol.OPENAI, f"{AT}/v1")),
        ("anthropic", "https://api.anthropic.com", "{env: KEY}", (Protocol.ANTHROPIC, AT)),
        ("bedrock", BEDROCK, "{aws: {}}", (Protocol.OPENAI, f"{AT}/v1")),
        ("vertex", VERTEX, "{google: {}}", (Protocol.OPENAI, f"{AT}/v1")),
    ],
)
def test_a_backend_is_served_by_the_stand_in(
    tmp_path: Path, protocol: str, endpoint: str, auth: str, served: tuple[Protocol, str]
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(BACKEND.format(protocol=protocol, endpoint=endpoint, auth=auth))
    compiled = compile_paths([file])
    assert not compiled.mistakes
    (entry,) = with_endpoints_at(Policies(compiled.table, b"[]"), AT).table.backends
    assert (entry.spec.protocol, entry.spec.endpoint) == served
    assert entry.spec.auth is None or entry.spec.auth.cloud is None
