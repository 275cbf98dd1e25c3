"""A backend's `request`, made ready to be applied to bodies."""

import functools
from typing import Final

from weir_gateway.domain.table import Backend
from weir_policy.spec.request import RequestChanges
from weir_wires.body_changes import BodyChanges

MAX_PREPARED: Final = 10_000  # of replaced tables too; the least used are forgotten


def changes_of(backend: Backend) -> BodyChanges | None:
    """None where requests go on as they are."""
    request = backend.spec.request
    return _prepared(request) if request.drop or request.set or request.max else None


@functools.lru_cache(maxsize=MAX_PREPARED)
def _prepared(request: RequestChanges) -> BodyChanges:
    return BodyChanges(request.drop, request.set, request.max)
