"""Opens the folder of files and batches as the settings say."""

import contextlib
from collections.abc import Callable

from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.batches.context import Pace
from weir_gateway.batches.factory import KeptBatches, Parts, Places, open_batches
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.pipeline import Routing
from weir_gateway.settings import Settings


async def open_kept_batches(
    settings: Settings,
    routing: Routing,
    tables: Callable[[], RouteTable],
    keys: KeyRing | None,
    calls: HttpUpstreams,
    stack: contextlib.AsyncExitStack,
) -> KeptBatches | None:
    """Open it until `stack` is left; None where there is none.

    Raises StoreUnavailable and OSError: a gateway that should keep batches starts with them only.
    """
    if settings.batches is None:
        return None
    places = Places(
        folder=settings.batches,
        file_bytes=settings.batch_file_bytes,
        all_bytes=settings.batch_bytes,
        keep=settings.batch_keep,
    )
    pace = Pace(
        at_once=settings.batch_calls,
        poll=settings.batch_poll,
        longest_line=settings.max_body,
        longest_answer=settings.max_answer,
    )
    patient = routing.patient(settings.batch_score_within)
    parts = Parts(routing=patient, tables=tables, keys=keys, calls=calls)
    return await open_batches(places, pace, parts, stack)
