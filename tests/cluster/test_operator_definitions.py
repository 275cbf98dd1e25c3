"""The definitions on a real API server: they admit and refuse what the file parser does."""

import json
from pathlib import Path

import pytest
import yaml

from support.cluster.control_plane import ControlPlane
from support.resource_case import Case
from support.resource_cases import CASES, GOOD
from support.resources import Wire, backend, policy

pytestmark = [pytest.mark.cluster, pytest.mark.may_block]
DEFINITIONS = Path(__file__).parents[2] / "charts/weir-crds/templates"
PLURALS = {"RoutePolicy": "routepolicies", "ModelBackend": "modelbackends"}


@pytest.fixture(scope="module")
def defined(api_server: ControlPlane) -> ControlPlane:
    """The API server with both definitions established."""
    for file in sorted(DEFINITIONS.glob("*.yaml")):
        api_server.admin.kubectl("apply", "-f", str(file))
    api_server.admin.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    return api_server


def create(server: ControlPlane, document: Wire) -> tuple[int, str]:
    """Dry-run a create in the namespace `default`; the answer's status and message."""
    plural = PLURALS[str(document["kind"])]
    path = f"/apis/weir.dev/v1alpha1/namespaces/default/{plural}?dryRun=All"
    metadata = {"name": dict(document["metadata"])["name"]}  # type: ignore[call-overload]  # a mapping
    status, reply = server.request("POST", path, {**document, "metadata": metadata})
    return status, reply["message"] if status >= 400 else json.dumps(reply)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_server_refuses_what_the_parser_refuses(defined: ControlPlane, case: Case) -> None:
    status, message = create(defined, case.document)
    assert status == 422, message
    assert case.server_message in message


@pytest.mark.parametrize("name", GOOD)
def test_the_server_admits_what_the_parser_reads(defined: ControlPlane, name: str) -> None:
    status, message = create(defined, GOOD[name])
    assert status == 201, message


def test_defaults_and_the_pending_status_are_filled_in(defined: ControlPlane) -> None:
    namespace = defined.namespace("defaults")
    defined.admin.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(policy(namespace=namespace)))
    read = defined.admin.get("rp", "chat", "-n", namespace)
    assert read["spec"]["mode"] == "Enforce"
    assert read["spec"]["failureMode"]["scorer"] == "weak"
    assert read["spec"]["failureMode"]["upstream"] == []
    pending = {(c["type"], c["status"], c["reason"]) for c in read["status"]["conditions"]}
    assert pending == {
        (condition, "Unknown", "Pending")
        for condition in ("Accepted", "ResolvedRefs", "Programmed", "Ready")
    }


def test_short_names_columns_and_explanations_are_there(defined: ControlPlane) -> None:
    namespace = defined.namespace("columns")
    for document in (policy(namespace=namespace), backend(namespace=namespace)):
        defined.admin.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(document))
    kubectl = defined.admin.kubectl
    assert kubectl("get", "rp", "-n", namespace).split()[:7] == (
        ["NAME", "READY", "PROGRAMMED", "ASKED", "STRONG", "SAVED", "REQUESTS"]
    )
    assert "gpt" not in kubectl("get", "mb", "-n", namespace)
    assert kubectl("get", "weir", "-n", namespace).count("weir.dev/") == 2
    told = kubectl("explain", "modelbackend.spec.endpoint")
    assert "base_url" in told


def test_the_status_is_a_subresource(defined: ControlPlane) -> None:
    namespace = defined.namespace("status")
    defined.admin.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(policy(namespace=namespace)))
    patch = json.dumps({"status": {"programmed": "3/3"}})
    defined.admin.kubectl("patch", "rp", "chat", "-n", namespace, "--type=merge", "-p", patch)
    assert "programmed" not in defined.admin.get("rp", "chat", "-n", namespace)["status"]
    defined.admin.kubectl(
        *("patch", "rp", "chat", "-n", namespace, "--type=merge", "-p", patch),
        "--subresource=status",
    )
    assert defined.admin.get("rp", "chat", "-n", namespace)["status"]["programmed"] == "3/3"


def test_an_unknown_field_is_refused_by_kubectl(defined: ControlPlane) -> None:
    document = yaml.safe_dump(policy(modes="Shadow"))
    ran = defined.admin.try_("kubectl", "apply", "-n", "default", "-f", "-", stdin=document)
    assert ran.code != 0
