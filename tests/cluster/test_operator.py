"""weir-operator against a real API server: tables to gateways, statuses, Secrets, who writes."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from support.cluster.control_plane import ControlPlane
from support.operator_program import FollowingGateway, RunningOperator, operator, until
from support.resources import backend, changed, policy, secret
from weir_policy.spec.policy import Mode
from weir_policy.table import decode
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage, RouteTable

pytestmark = [pytest.mark.cluster, pytest.mark.may_block]
DEFINITIONS = Path(__file__).parents[2] / "charts/weir-crds/templates"


class Site:
    """A namespace with an operator that watches it alone."""

    def __init__(self, server: ControlPlane, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.namespace = server.namespace("site")
        self.settings = {
            "WEIR_OPERATOR_NAMESPACE": self.namespace,
            "WEIR_OPERATOR_WATCH": self.namespace,
            "WEIR_OPERATOR_INSECURE": "1",
            "WEIR_OPERATOR_USAGE_EVERY": "1s",
            "WEIR_OPERATOR_SECRETS_EVERY": "500ms",
            "WEIR_OPERATOR_RESYNC_EVERY": "1s",
            "WEIR_OPERATOR_LEASE_DURATION": "2s",
        }

    def operator(self, **settings: str) -> Any:
        """Run it."""
        return operator(self.folder, self.server.admin.environ, **{**self.settings, **settings})

    def apply(self, *documents: dict[str, object]) -> None:
        """`kubectl apply` into the namespace."""
        placed = [changed(d, "metadata.namespace", self.namespace) for d in documents]
        self.server.admin.apply(*placed, namespace=self.namespace)

    def delete(self, what: str) -> None:
        """`kubectl delete`."""
        self.server.admin.kubectl("-n", self.namespace, "delete", what)

    def status(self, what: str = "rp/chat") -> dict[str, Any]:
        """A resource's status."""
        found: dict[str, Any] = self.server.admin.get(what, "-n", self.namespace)["status"]
        return found

    def condition(self, kind: str, what: str = "rp/chat") -> tuple[str, str]:
        """A condition's status and reason."""
        found = next(c for c in self.status(what)["conditions"] if c["type"] == kind)
        return found["status"], found["reason"]

    def wait(self, kind: str, status: str, reason: str, what: str = "rp/chat") -> None:
        """Until a condition is as it should be."""
        until(
            lambda: self.condition(kind, what) == (status, reason),
            f"{what} {kind} {status} {reason}",
        )


@pytest.fixture
def site(api_server: ControlPlane, tmp_path: Path) -> Iterator[Site]:
    """A site whose resources are gone afterwards."""
    for file in sorted(DEFINITIONS.glob("*.yaml")):
        api_server.admin.kubectl("apply", "-f", str(file))
    api_server.admin.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    site = Site(api_server, tmp_path)
    yield site
    api_server.admin.kubectl("-n", site.namespace, "delete", "weir", "--all")


PAIR = (backend("weak"), backend("strong"))


def follow(stack: ExitStack, running: RunningOperator, name: str) -> FollowingGateway:
    """A gateway for as long as the stack lives."""
    channel = grpc.insecure_channel(running.stream)
    return stack.enter_context(FollowingGateway(name).following(channel))


def test_a_policy_is_programmed_and_its_status_tells(site: Site) -> None:
    with site.operator() as running, ExitStack() as stack:
        gateways = [follow(stack, running, name) for name in ("a", "b", "c")]
        site.apply(
            *PAIR,
            policy(),
            policy("bad", rules=[{"name": "r", "when": "request.tols > 0", "use": "weak"}]),
        )
        site.wait("Programmed", "True", "Programmed")
        assert site.status()["programmed"] == "3/3"
        assert site.condition("Ready") == ("True", "Ready")
        assert all(g.policies() == [f"{site.namespace}/chat"] for g in gateways)
        site.wait("Accepted", "False", "InvalidRule", "rp/bad")
        assert site.condition("Programmed", "rp/bad") == ("False", "NotValid")
        site.wait("Accepted", "True", "Accepted", "mb/weak")
        told = site.server.admin.kubectl("-n", site.namespace, "get", "rp/chat", "--no-headers")
        assert told.split()[:3] == ["chat", "True", "3/3"]
        found = site.server.admin.get("rp/chat", "-n", site.namespace)
        assert "finalizers" not in found["metadata"]
        assert list(found["metadata"]["annotations"]) == [
            "kubectl.kubernetes.io/last-applied-configuration"
        ]


def test_a_change_reaches_gateways_and_the_config_map(site: Site) -> None:
    with site.operator() as running, ExitStack() as stack:
        gateway = follow(stack, running, "a")
        site.apply(*PAIR, policy())
        site.wait("Programmed", "True", "Programmed")
        before = site.status()["conditions"]
        site.apply(policy(mode="Shadow"))
        until(lambda: [p.spec.mode for p in gateway.served()] == [Mode.SHADOW], "the change")
        until(lambda: site.status()["conditions"][2]["observedGeneration"] == 2, "generation 2")
        site.wait("Programmed", "True", "Programmed")
        after = site.status()["conditions"]
        assert after[0]["lastTransitionTime"] == before[0]["lastTransitionTime"]

        def written() -> bool:
            maps = site.server.admin.get("cm", "-n", site.namespace)["items"]
            texts = [
                m["data"]["routetable.json"]
                for m in maps
                if m["metadata"]["name"] == "weir-routetable"
            ]
            assert gateway.table is not None
            return bool(texts) and json.loads(texts[0])["version"] == gateway.table.version

        until(written, "the ConfigMap")
        site.delete("rp/chat")
        until(lambda: gateway.policies() == [], "the policy to go")


def test_a_refusal_is_told_and_the_policy_is_not_programmed(site: Site) -> None:
    def refuse(table: RouteTable) -> str:
        return "no such router" if decode(table.table).policies else ""

    with site.operator() as running:
        gateway = FollowingGateway("a", refuse)
        with gateway.following(grpc.insecure_channel(running.stream)):
            site.apply(*PAIR, policy())
            site.wait("Programmed", "False", "GatewayRefused")
            message = next(c for c in site.status()["conditions"] if c["type"] == "Ready")[
                "message"
            ]
            assert message == "a: no such router"


def test_secrets_go_over_the_stream_and_nowhere_else(site: Site) -> None:
    keyed = backend("strong", auth={"secretRef": {"name": "keys", "key": "k"}})
    with site.operator() as running, ExitStack() as stack:
        gateway = follow(stack, running, "a")
        site.apply(backend("weak"), keyed, policy())
        site.wait("ResolvedRefs", "False", "BackendNotUsable")
        assert site.condition("ResolvedRefs", "mb/strong") == ("False", "SecretNotFound")
        site.apply(secret(k="sk-first-value"))
        until(lambda: credential(gateway) == "sk-first-value", "the secret")
        site.apply(secret(k="sk-second-value"))
        until(lambda: credential(gateway) == "sk-second-value", "the rotated secret")
        site.wait("Ready", "True", "Ready")
        site.apply(secret(k="not a key"))
        site.wait("ResolvedRefs", "False", "SecretInvalid", "mb/strong")
        kinds = "configmaps,events,rp,mb"
        everything = site.server.admin.kubectl("-n", site.namespace, "get", kinds, "-o", "yaml")
        said = everything + running.log.read_text() + running.metrics()
        assert "sk-first-value" not in said
        assert "sk-second-value" not in said


def credential(gateway: FollowingGateway) -> str:
    """The one credential that the gateway has."""
    return gateway.table.credentials[0].value if gateway.table and gateway.table.credentials else ""


def test_usage_is_summed_over_gateways(site: Site) -> None:
    with site.operator() as running, ExitStack() as stack:
        first, second = follow(stack, running, "a"), follow(stack, running, "b")
        site.apply(*PAIR, policy())
        site.wait("Programmed", "True", "Programmed")
        name = f"{site.namespace}/chat"
        first.report(PolicyUsage(policy=name, requests=80, strong=10, saved_micro_usd=400_000_000))
        second.report(PolicyUsage(policy=name, requests=20, strong=10, saved_micro_usd=12_100_000))
        until(lambda: site.status().get("requests") == 100, "100 requests")
        status = site.status()
        assert (status["strongShare"], status["saved"]) == ("20.0%", "$412.10")


def test_another_replica_takes_over_and_gateways_find_it(site: Site) -> None:
    with site.operator(WEIR_OPERATOR_NAME="one") as one:
        site.apply(*PAIR, policy())
        site.wait("Programmed", "False", "NoGateways")
        with site.operator(WEIR_OPERATOR_NAME="two") as two, ExitStack() as stack:
            gateway = follow(stack, two, "a")
            until(lambda: gateway.policies() != [], "a table from the replica that does not lead")
            one.process.kill()
            site.apply(policy(mode="Shadow"))
            site.wait("Programmed", "True", "Programmed")
            assert site.status()["programmed"] == "1/1"
            assert (
                site.server.admin.get("lease", "weir-operator", "-n", site.namespace)["spec"][
                    "holderIdentity"
                ]
                == "two"
            )


def test_only_gateways_with_a_genuine_token_get_tables(site: Site, tmp_path: Path) -> None:
    folder = certificate(tmp_path)
    allowed = f"system:serviceaccount:{site.namespace}:gateway"
    tokens = {
        "good": site.server.service_account_token(site.namespace, "gateway", ["weir-operator"]),
        "other": site.server.service_account_token(site.namespace, "other", ["weir-operator"]),
        "audience": site.server.service_account_token(site.namespace, "gateway"),
        "forged": "not.a.token",
        "": "",
    }
    settings = {"WEIR_OPERATOR_INSECURE": "0", "WEIR_OPERATOR_TLS": str(folder)}
    with site.operator(**settings, WEIR_OPERATOR_GATEWAYS=allowed) as running:
        tls = grpc.ssl_channel_credentials((folder / "tls.crt").read_bytes())
        options = (("grpc.ssl_target_name_override", "localhost"),)
        seen: dict[str, grpc.StatusCode | None] = {}
        for name, token in tokens.items():
            gateway = FollowingGateway(name or "none")
            channel = grpc.secure_channel(running.stream, tls, options)
            with gateway.following(channel, token):
                until(lambda g=gateway: bool(g.tables or g.error), f"an answer to {name}")  # type: ignore[misc]  # bound early
                seen[name] = gateway.error
    assert seen == {
        "good": None,
        "other": grpc.StatusCode.PERMISSION_DENIED,
        "audience": grpc.StatusCode.UNAUTHENTICATED,
        "forged": grpc.StatusCode.UNAUTHENTICATED,
        "": grpc.StatusCode.UNAUTHENTICATED,
    }


def certificate(folder: Path) -> Path:
    """A folder with a certificate for localhost, signed by itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return folder


def test_a_change_is_acknowledged_quickly(site: Site) -> None:
    """No figure is asserted: it is printed for whoever runs with -s."""
    with site.operator() as running, ExitStack() as stack:
        gateways = [follow(stack, running, name) for name in "abcde"]
        site.apply(*PAIR, policy())
        site.wait("Programmed", "True", "Programmed")
        path = f"/apis/weir.dev/v1alpha1/namespaces/{site.namespace}/routepolicies/chat"
        took: list[float] = []
        for number in range(20):
            _, found = site.server.request("GET", path)
            found["spec"]["objective"] = {"threshold": f"0.{number + 10}"}
            began = time.monotonic()
            status, _ = site.server.request("PUT", path, found)
            if status == 409:
                continue
            wanted = (number + 10) / 100

            def has(gateway: FollowingGateway, threshold: float = wanted) -> bool:
                return [
                    p.spec.objective.threshold for p in gateway.served() if p.spec.objective
                ] == [threshold]

            until(lambda: all(map(has, gateways)), "five gateways")
            took.append(max(gateway.tables[-1][0] for gateway in gateways) - began)
        print(f"changes: {len(took)}, slowest {max(took):.3f} s, {running.resident_mb():.0f} MB")  # noqa: T201 - see above
        assert took
