"""Weir on a whole node: from nothing to a routed, streamed, traced answer, and no request lost.

The tests are one story and run in this order: first without an operator, from the ConfigMap alone,
then with it, then one part after another is taken away under load.
"""

import json
import secrets
import time

import pytest

from support.cluster.installed import Installed, resources

pytestmark = pytest.mark.node
MODELS = {"small", "large"}
POLICY = "/apis/weir.dev/v1alpha1/namespaces/weir/routepolicies/chat"
CHANGES, CHANGES_PER_S = 100, 10
AWAY_S = 60
OBSERVED = "--for=jsonpath={.status.conditions[?(@.type=='Programmed')].observedGeneration}"
ASKED = 30  # requests of the official client
COLUMNS = 7  # NAME READY PROGRAMMED STRONG SAVED REQUESTS AGE
USAGE_WITHIN = 90.0  # seconds: gateways report every 10, statuses are written every 30
ROLLED_OUT = ("rollout", "status", "deploy/weir-gateway", "--timeout=100s")


@pytest.fixture(scope="module")
def operated(rig: Installed) -> Installed:
    """The release with its operator, and the policy programmed."""
    rig.kubectl("create", "secret", "generic", "weir-keys", "--from-literal=models=sk-node-test")
    rig.helm("upgrade")
    rig.admin.apply(*resources(auth=True), namespace="weir")
    rig.wait_for("--for=condition=Programmed", "routepolicy/chat")
    return rig


def test_a_table_in_the_configmap_is_enough(rig: Installed) -> None:
    rig.helm("install", "operator.enabled=false", wait=False)
    table = rig.compiled(resources(auth=False))
    patch = json.dumps({"data": {"routetable.json": table}})
    rig.kubectl("patch", "configmap", "weir-routetable", "--type=merge", "-p", patch)
    rig.kubectl(*ROLLED_OUT)
    answers = rig.ask_in_a_pod(secrets.token_hex(16), 6)
    assert {answer["reason"] for answer in answers} == {"scored"}


def test_no_request_is_lost_in_an_upgrade_and_a_rollback(rig: Installed) -> None:
    with rig.load() as load:
        rig.helm("upgrade", "operator.enabled=false", "gateway.podLabels.turn=second")
        rig.rollback()
    assert load.failures == []
    assert load.answered.keys() == MODELS


def test_the_openai_client_gets_a_routed_streamed_traced_answer(operated: Installed) -> None:
    trace = secrets.token_hex(16)
    answers = operated.ask_in_a_pod(trace, ASKED)
    assert {answer["model"] for answer in answers} == MODELS
    assert {answer["reason"] for answer in answers} == {"scored"}
    assert all(answer["characters"] and answer["finish"] for answer in answers)
    services = {"weir-gateway", "weir-scorer"}
    operated.node.plane.programs.wait(
        "the trace", lambda: {s["service"] for s in operated.traced(trace)} >= services, 30
    )
    names = {span["name"] for span in operated.traced(trace)}
    assert {"weir.decide", "weir.batch"} <= names


def test_status_tells_the_truth(operated: Installed) -> None:
    policy = operated.admin.get("-n", "weir", "routepolicy", "chat")
    conditions = {each["type"]: each["status"] for each in policy["status"]["conditions"]}
    assert conditions == dict.fromkeys(("Accepted", "ResolvedRefs", "Programmed", "Ready"), "True")
    assert policy["status"]["programmed"] == "2/2"


def test_kubectl_shows_the_share_and_the_dollars_of_real_traffic(operated: Installed) -> None:
    def row() -> list[str]:
        return operated.kubectl("get", "routepolicy", "chat", "--no-headers").split()

    def counted() -> bool:
        cells = row()
        return len(cells) == COLUMNS and int(cells[5]) >= ASKED

    operated.node.plane.programs.wait("usage in the status", counted, USAGE_WITHIN)
    name, ready, programmed, strong, saved, _requests, _age = row()
    assert (name, ready, programmed) == ("chat", "True", "2/2")
    assert 0 < float(strong.removesuffix("%")) < 100
    assert float(saved.removeprefix("$")) > 0


def test_the_secret_s_value_is_in_no_configmap_event_or_log(operated: Installed) -> None:
    told = operated.kubectl("get", "configmap,events,routepolicy,modelbackend", "-o", "json")
    assert "sk-node-test" not in told
    assert "sk-node-test" not in operated.kubectl("logs", "deploy/weir-operator")
    for container in ("gateway", "scorer"):
        logs = operated.kubectl(
            "logs", "-l", "app.kubernetes.io/component=gateway", "-c", container
        )
        assert "sk-node-test" not in logs


def test_no_request_is_lost_while_the_operator_is_killed(operated: Installed) -> None:
    with operated.load() as load:
        pods = ("pod", "-l", "app.kubernetes.io/component=operator")
        operated.kubectl("delete", *pods, "--grace-period=0", "--force")
        operated.kubectl("rollout", "status", "deploy/weir-operator", "--timeout=90s")
        change = json.dumps({"spec": {"objective": {"strongShare": "40%"}}})
        operated.kubectl("patch", "routepolicy", "chat", "--type=merge", "-p", change)
        policy = operated.admin.get("-n", "weir", "routepolicy", "chat")
        operated.wait_for(f"{OBSERVED}={policy['metadata']['generation']}", "routepolicy/chat")
    assert load.failures == []
    assert load.answered.keys() == MODELS


def test_no_request_is_lost_while_policies_change(operated: Installed) -> None:
    plane = operated.node.plane
    with operated.load() as load:
        begun = time.monotonic()
        for number in range(CHANGES):
            change = {"spec": {"objective": {"strongShare": f"{40 + number % 20}%"}}}
            status, _ = plane.request("PATCH", POLICY, change)
            assert status == 200
            due = begun + (number + 1) / CHANGES_PER_S
            plane.programs.wait("the next change", lambda due=due: time.monotonic() >= due, 5)
        print(f"{CHANGES} changes in {time.monotonic() - begun:.1f} s")  # noqa: T201 - figures for `pytest -rP`
        _, policy = plane.request("GET", POLICY)
        operated.wait_for(f"{OBSERVED}={policy['metadata']['generation']}", "routepolicy/chat")
    assert load.failures == []
    assert load.answered.keys() == MODELS


def test_the_status_tells_share_and_dollars_of_real_traffic(operated: Installed) -> None:
    operated.wait_for("--for=jsonpath={.status.requests}", "routepolicy/chat")
    print(operated.kubectl("get", "routepolicies,modelbackends"))  # noqa: T201 - figures for `pytest -rP`
    status = operated.admin.get("-n", "weir", "routepolicy", "chat")["status"]
    assert status["requests"] > 0
    assert 10 < float(status["strongShare"].removesuffix("%")) < 90
    assert status["saved"].startswith("$")


def test_no_request_is_lost_while_the_api_server_is_away(operated: Installed) -> None:
    plane = operated.node.plane
    with operated.load() as load:
        until = time.monotonic() + AWAY_S
        plane.stop_api_server()
        restarted = operated.restart_a_gateway_container()
        plane.programs.wait("the container again", restarted, AWAY_S)
        plane.programs.wait("a minute", lambda: time.monotonic() > until, AWAY_S + 5)
        plane.start_api_server()
    assert load.failures == []
    operated.settle()
    operated.wait_for("--for=condition=Programmed", "routepolicy/chat")


def test_no_request_is_lost_in_an_upgrade_with_an_operator(operated: Installed) -> None:
    with operated.load() as load:
        operated.helm("upgrade", "gateway.podLabels.turn=third", "operator.replicas=2")
        operated.rollback()
    assert load.failures == []
    operated.wait_for("--for=jsonpath={.status.programmed}=2/2", "routepolicy/chat")
    assert load.answered.keys() == MODELS


def test_helm_test_asks_the_service(operated: Installed) -> None:
    operated.admin.helm("test", "weir", "-n", "weir", "--timeout", "90s")


def test_uninstalling_leaves_the_policies(operated: Installed) -> None:
    operated.admin.helm("uninstall", "weir", "-n", "weir", "--wait", "--timeout", "100s")
    assert operated.admin.get("-n", "weir", "routepolicy", "chat")["spec"]
