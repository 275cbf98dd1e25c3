"""Asks providers for the usage of streams, and remembers the servers that refuse to be asked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir_gateway.adapters.providers.outbound import Outbound
from weir_gateway.adapters.providers.request_changes import changes_of
from weir_gateway.domain.table import Backend
from weir_policy.ids import BackendId
from weir_runtime.lru import LruDict

MAX_REFUSING: Final = 10_000  # backends; bounds what replaced tables leave behind
REMEMBERED: Final = 3600.0  # seconds; then it is asked again, as a server may have been updated
REFUSALS: Final = frozenset({400, 422})  # statuses of servers that don't know a field
MAX_NAMED: Final = 16 * 1024  # bytes of an error in which the field is looked for


class UsageOptionRefused(Exception):
    """The server refuses the field that asks for a stream's usage."""


class UsageOptions:
    """Which backends are asked."""

    def __init__(
        self, clock: Callable[[], float], refused: Callable[[BackendId], None] | None = None
    ) -> None:
        """`refused` is called with each backend that refuses the field."""
        self._clock = clock
        self._refused = refused
        self._until: LruDict[BackendId, float] = LruDict(MAX_REFUSING)

    def asking(self, backend: Backend, out: Outbound) -> Outbound:
        """The call with the question in its body; without it where the server refuses it."""
        option = out.wire.usage_option
        changes = changes_of(backend)
        if option is None or (changes is not None and changes.drops(option.field)):
            return out
        until = self._until.get(backend.id)
        if until is not None and self._clock() < until:
            return replace(out, body=option.drop(out.body))
        return replace(out, body=option.ask(out.body), asks_usage=True)

    def not_asking(self, backend: Backend, out: Outbound) -> Outbound:
        """The call without the question, after a refusal, which is remembered."""
        self._until.put(backend.id, self._clock() + REMEMBERED)
        if self._refused is not None:
            self._refused(backend.id)
        option = out.wire.usage_option
        body = out.body if option is None else option.drop(out.body)
        return replace(out, body=body, asks_usage=False)


def refuses_option(out: Outbound, status: int, body: bytes) -> bool:
    """Whether an error says that the server doesn't take the field."""
    option = out.wire.usage_option
    if not out.asks_usage or option is None or status not in REFUSALS:
        return False
    return option.field.encode() in body[:MAX_NAMED]
