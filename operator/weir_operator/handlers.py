"""The kopf handlers: each event of a policy or a backend updates the index.

They are low-level event handlers, so that kopf writes no annotations or finalizers on users'
objects.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import kopf

from weir_operator.apply.index import Index
from weir_operator.apply.kube import PAGE_SIZE, Access
from weir_policy.reading.resources import GROUP, VERSION, ResourceKind, ResourceRef

_LOG = logging.getLogger(__name__)

RETRY_DELAY = 1.0
# Else kopf derives it from the system user's name, which a pod lacks. Its type is not public.
IDENTITY: Any = "weir-operator"
PLURALS = {ResourceKind.POLICY: "routepolicies", ResourceKind.BACKEND: "modelbackends"}


def login(**_: object) -> kopf.ConnectionInfo | None:
    """The pod's service account, or else a kubeconfig."""
    settings = kopf.OperatorSettings()
    return kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(
        settings=settings
    )


class NoLogin(Exception):
    """There is neither a service account nor a kubeconfig."""


def access() -> Access:
    """kopf's credentials for the operator's own requests. Reads files. Raises NoLogin."""
    info = login()
    if info is None:
        raise NoLogin("no service account is mounted and KUBECONFIG is not set")
    return Access(info.server, info.as_ssl_context(), info.as_http_headers())


def registry_for(index: Index) -> kopf.OperatorRegistry:
    """The handlers."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="login")(_login_off_the_loop)
    for kind, plural in PLURALS.items():
        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"saw-{plural}")(
            _index_handler(index, kind)
        )
    return registry


def settings_for() -> kopf.OperatorSettings:
    """kopf's settings, with which it only watches: it scans, posts and writes nothing."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # else it lists namespaces and definitions cluster-wide
    settings.process.ultimate_exiting_timeout = None  # else a watch that ends kills the process
    settings.posting.enabled = False  # our own Events are on change only
    settings.queueing.idle_timeout = 0.5  # a task for each object seen lives that much longer
    settings.watching.chunk_size = PAGE_SIZE  # else all of them are in memory at once
    settings.watching.server_timeout = 300  # whole seconds: the API server takes no fraction
    settings.watching.client_timeout = 330.0
    settings.watching.connect_timeout = 10.0
    settings.networking.request_timeout = 30.0
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, 4)
    return settings


async def watch(index: Index, namespaces: tuple[str, ...], started: Callable[[], None]) -> None:
    """Watch `namespaces`, or all where none is named, until cancelled.

    `started` is called each time kopf has started, because kopf installs its own signal handlers.
    kopf gives up when the API server is away for longer than its retries last; it is then started
    again.
    """
    while True:
        try:
            tasks = await kopf.spawn_tasks(
                registry=registry_for(index),
                settings=settings_for(),
                standalone=True,
                identity=IDENTITY,
                clusterwide=not namespaces,
                namespaces=namespaces,
            )
            started()
            await _until_one_ends(tasks)
        except Exception as error:  # noqa: BLE001 - kopf lets its own and aiohttp's errors through
            _LOG.warning(
                "the watch broke: %s", type(error).__name__, extra={"why": str(error)[:300]}
            )
        await asyncio.sleep(RETRY_DELAY)


async def _until_one_ends(tasks: Collection["asyncio.Task[Any]"]) -> None:
    """Run kopf's tasks and end them together; raises what one of them raised.

    kopf's own runner would also end every other task of the loop: our streams and our server.
    """
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _login_off_the_loop(**_: object) -> kopf.ConnectionInfo | None:
    return await asyncio.to_thread(login)


def _index_handler(
    index: Index, kind: ResourceKind
) -> Any:  # kopf's own handler types are not public
    async def saw(event: Mapping[str, object], **_: object) -> None:
        document = cast("Mapping[str, object]", event["object"])
        if event["type"] != "DELETED":
            index.put({"apiVersion": f"{GROUP}/{VERSION}", "kind": str(kind), **document})
            return
        metadata = cast("Mapping[str, str]", document["metadata"])
        ref = ResourceRef(kind, metadata["namespace"], metadata["name"])
        index.remove(ref, metadata["uid"])

    return saw
