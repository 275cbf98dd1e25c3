"""examples/providers loads and has an example of every kind; docs/providers.md names them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.table import Backend, CloudIdentity
from weir_operator.local import compile_paths
from weir_policy.spec.auth import AwsIdentity, AzureIdentity, GoogleIdentity
from weir_policy.spec.backend import Protocol
from weir_wires.registry import WIRES
from weir_wires.vertex import VERTEX

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "providers"


@pytest.fixture(scope="module")
def backends() -> Mapping[str, Backend]:
    """Every backend of the examples by its name, as a gateway runs it."""
    compiled = compile_paths([EXAMPLES])
    assert [str(mistake) for mistake in compiled.mistakes] == []
    table = build(compiled.table, None).table
    return {backend.name: backend for backend in table.backends.values()}


def test_there_is_one_for_every_protocol(backends: Mapping[str, Backend]) -> None:
    assert {backend.protocol for backend in backends.values()} == set(Protocol)


def test_every_cloud_and_each_model_on_vertex_is_shown(backends: Mapping[str, Backend]) -> None:
    identities = {
        type(backend.auth.spec)
        for backend in backends.values()
        if isinstance(backend.auth, CloudIdentity)
    }
    assert identities == {AwsIdentity, GoogleIdentity, AzureIdentity}
    vertex = {wire for b in backends.values() if b.protocol == "vertex" for wire in b.wires}
    assert vertex == set(VERTEX.paths)


@pytest.mark.parametrize("protocol", Protocol)
def test_the_page_of_providers_names_every_protocol(protocol: Protocol) -> None:
    page = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    assert f"| `{protocol}` |" in page
    assert WIRES.usual(protocol)
