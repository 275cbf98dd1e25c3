"""Bad input on a real API server: what is refused, and what is told of what is admitted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from support.cluster.control_plane import ControlPlane
from support.cluster.operators import Site, condition_of, define, site
from support.polling import eventually
from support.resources import REMOVED, Wire, backend, changed, policy, secret

pytestmark = [pytest.mark.cluster, pytest.mark.may_block, pytest.mark.timeout(900)]
ALL = ("Accepted", "ResolvedRefs", "Programmed", "Ready")
PAIR = (backend("weak"), backend("strong"))
KEYED: dict[str, Any] = {"auth": {"secretRef": {"name": "weir-keys", "key": "openai"}}}
LONG = "n" * 253  # the longest name that the API server lets a resource have
LONGEST_RULE = 2048
PADDED = "request.turns > 1".ljust(LONGEST_RULE)


@dataclass(frozen=True, slots=True)
class Told:
    """A resource that the schema admits, and the condition that tells what is wrong with it."""

    document: Wire
    condition: str
    reason: str
    message: str  # a regular expression; `{ns}` stands for the namespace

    @property
    def name(self) -> str:
        """The resource's."""
        return _name(self.document)

    @property
    def plural(self) -> str:
        """Its kind as the API's path has it."""
        return "routepolicies" if self.document["kind"] == "RoutePolicy" else "modelbackends"


def _name(document: Wire) -> str:
    return str(cast("Wire", document["metadata"])["name"])


def ruled(name: str, when: str) -> Wire:
    """A policy of one rule."""
    rules = [{"name": "only", "when": when, "use": "strong"}]
    return policy(name, match={"models": [name]}, rules=rules)


def over(name: str, *backends: str) -> Wire:
    """A policy over these backends."""
    candidates = [{"backend": each} for each in backends]
    return policy(name, match={"models": [name]}, candidates=candidates)


ADMITTED = (
    Told(
        over("unknown", "weak", "strnog"),
        *("ResolvedRefs", "UnknownBackend"),
        r"candidates.*1.*there is no ModelBackend strnog in namespace {ns} .*strong",
    ),
    Told(
        over("elsewhere", "weak", "keyless"),
        *("ResolvedRefs", "BackendNotUsable"),
        r"ModelBackend {ns}/keyless is not usable: SecretNotFound",
    ),
    Told(
        policy("later", match={"models": ["taken"]}),
        *("Accepted", "Conflict"),
        r"taken is served by .*{ns}/earlier already, with the same headers",
    ),
    Told(
        ruled("no-cel", "request.turns >"),
        *("Accepted", "InvalidRule"),
        r"rules.*0.*when: in `request.turns >`: 1:\d+: is not CEL",
    ),
    Told(
        ruled("no-such-fact", "request.turnz > 3"),
        *("Accepted", "InvalidRule"),
        r"a request has no turnz .*turns",
    ),
    Told(
        ruled("not-boolean", "request.turns + 1"),
        *("Accepted", "InvalidRule"),
        r"rules.*0.*when: in `request.turns \+ 1`",
    ),
    Told(
        backend("metadata", endpoint="http://169.254.169.254/v1"),
        *("Accepted", "EndpointNotPermitted"),
        r"endpoint: names 169.254.169.254, a link-local or metadata address",
    ),
    Told(
        backend("metadata-name", endpoint="http://metadata.google.internal/v1"),
        *("Accepted", "EndpointNotPermitted"),
        r"endpoint: names metadata.google.internal, which is the gateway's own host",
    ),
    Told(
        backend("loopback", endpoint="http://localhost:8000/v1"),
        *("Accepted", "EndpointNotPermitted"),
        r"endpoint: names localhost, which is the gateway's own host",
    ),
    Told(
        backend("environment", auth={"env": "OPENAI_API_KEY"}),
        *("Accepted", "EnvNotPermitted"),
        r"write secretRef",
    ),
    Told(
        backend("keyless", **KEYED),
        *("ResolvedRefs", "SecretNotFound"),
        r"there is no Secret weir-keys in namespace {ns}",
    ),
    Told(
        backend("not-granted", auth={"secretRef": {"name": "another", "key": "openai"}}),
        *("ResolvedRefs", "SecretNotReadable"),
        r"may not read Secret another in namespace {ns} \(grant it",
    ),
)
REFUSED: dict[str, tuple[Wire, str]] = {
    "no URL": (backend("bad", endpoint="api.example.com"), "spec.endpoint"),
    "another scheme": (backend("bad", endpoint="file:///etc/passwd"), "spec.endpoint"),
    "no candidates": (changed(policy("bad"), "spec.candidates", []), "at least 1 items"),
    "candidates left out": (
        changed(policy("bad"), "spec.candidates", REMOVED),
        "spec.candidates: Required value",
    ),
    "candidates that are null": (
        changed(policy("bad"), "spec.candidates", None),
        "spec.candidates",
    ),
    "a megabyte in one rule": (ruled("bad", "1 == 1".ljust(1_000_000)), "Too long"),
    "a megabyte of rules": (
        policy(
            "bad",
            rules=[{"name": f"r{n}", "when": PADDED, "use": "strong"} for n in range(500)],
        ),
        "must have at most 32 items",
    ),
    "a name that is too long": (policy("n" * 254), "must be no more than 253"),
    "a name with capitals": (policy("Chat"), "a lowercase RFC 1123 subdomain"),
}


@pytest.fixture(scope="module")
def plane(api_server: ControlPlane) -> ControlPlane:
    """The shared API server, which knows both definitions."""
    define(api_server)
    return api_server


@pytest.fixture
async def here(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Site]:
    """A namespace of its own for each test."""
    async with site(plane, tmp_path) as made:
        yield made


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_to_write(plane: ControlPlane, case: str) -> None:
    document, message = REFUSED[case]
    placed = changed(document, "metadata", {"name": _name(document)})
    plural = "routepolicies" if document["kind"] == "RoutePolicy" else "modelbackends"
    path = f"/apis/weir.dev/v1alpha1/namespaces/default/{plural}?dryRun=All"
    status, reply = plane.request("POST", path, placed)
    assert status == 422, reply
    assert message in reply["message"]


async def test_each_mistake_is_in_a_condition_and_good_policies_serve_beside_it(
    here: Site,
) -> None:
    operator = here.start()
    async with here.gateway(0, operator.port):
        await here.apply(*PAIR, policy("earlier", match={"models": ["taken"]}))
        await here.until("earlier", "Ready", status="True")
        await here.apply(*(case.document for case in ADMITTED))
        # Resources arrive one by one, so a condition may have an earlier reason for a while.
        for case in ADMITTED:
            await here.until(
                case.name,
                case.condition,
                case.plural,
                status="False",
                reason=case.reason,
                message=case.message.replace("{ns}", here.namespace),
            )
        await here.until("earlier", "Ready", status="True")


async def test_a_secret_is_told_wrong_in_each_way_and_mends(here: Site) -> None:
    operator = here.start()
    where = "modelbackends"
    steps = (
        (secret("weir-keys", other="sk-x"), "SecretKeyNotFound", "has no key openai (it has other"),
        (secret("weir-keys", openai=""), "SecretInvalid", "is not an API key"),
        (secret("weir-keys", openai="two\nlines"), "SecretInvalid", "is not an API key"),
        (secret("weir-keys", openai="schlüssel"), "SecretInvalid", "one line of printable ASCII"),
    )
    async with here.gateway(0, operator.port):
        await here.apply(backend("weak"), backend("strong", **KEYED), policy())
        await here.until("strong", "ResolvedRefs", where, status="False", reason="SecretNotFound")
        for document, reason, message in steps:
            await here.apply(document)
            said = await here.until("strong", "ResolvedRefs", where, status="False", reason=reason)
            assert message in said
        await here.apply(secret("weir-keys", openai="sk-good"))
        await here.until("chat", "Ready", status="True")


async def test_the_largest_that_is_admitted_is_programmed(here: Site) -> None:
    operator = here.start()
    rules = [{"name": f"r{n}", "when": PADDED, "use": LONG} for n in range(32)]
    largest = policy(
        LONG,
        match={"models": ["m" * 253]},
        candidates=[{"backend": "weak"}, {"backend": LONG}],
        rules=rules,
    )
    async with here.gateway(0, operator.port):
        await here.apply(backend("weak"), backend(LONG), largest)
        await here.until(LONG, "Ready", status="True")
        event = ("get", "events", "--field-selector", f"involvedObject.name={LONG}")
        await eventually(lambda: _holds(here, "Ready", *event))


async def _holds(here: Site, text: str, *command: str) -> bool:
    return text in await here.kubectl(*command)


@pytest.mark.parametrize("renewed", ["2001-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"])
async def test_clocks_that_disagree_hold_nobody_up(here: Site, renewed: str) -> None:
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": 2, "renewTime": renewed}
    path = f"/apis/coordination.k8s.io/v1/namespaces/{here.namespace}/leases/weir-operator"
    status, reply = await here.request("PATCH", path, {"spec": {**spec, "acquireTime": renewed}})
    assert status == 200, reply
    operator = here.start()
    async with here.gateway(0, operator.port):
        await here.apply(*PAIR, policy())
        await here.until("chat", "Ready", status="True")
    _, lease = await here.request("GET", path)
    assert lease["spec"]["holderIdentity"] == "operator-0"


async def test_what_another_version_wrote_into_a_status_is_put_right_once(here: Site) -> None:
    operator = here.start()
    async with here.gateway(0, operator.port):
        await here.apply(*PAIR, policy())
        await here.until("chat", "Ready", status="True")
        read = await here.read("routepolicies", "chat")
        newer = {**condition_of(read, "Ready"), "type": "Cached", "reason": "OfAnotherVersion"}
        conditions = [*read["status"]["conditions"][:2], newer]
        path = f"/apis/weir.dev/v1alpha1/namespaces/{here.namespace}/routepolicies/chat/status"
        status, reply = await here.request("PATCH", path, {"status": {"conditions": conditions}})
        assert status == 200, reply

        async def types() -> list[str]:
            found = await here.read("routepolicies", "chat")
            return [each["type"] for each in found["status"]["conditions"]]

        async def right() -> bool:
            return await types() == list(ALL)

        await eventually(right)
        settled = await _version(here)
        await asyncio.sleep(3)  # longer than the pass that looks at every status again
        assert await _version(here) == settled


async def _version(here: Site) -> Any:
    return (await here.read("routepolicies", "chat"))["metadata"]["resourceVersion"]
