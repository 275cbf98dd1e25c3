"""How much of a policy's traffic is of kinds that the bundle doesn't know, by the ledger."""

from pathlib import Path
from typing import Final

from weir_cli.failure import Failure
from weir_cli.ledger.database import open_ledger
from weir_gateway.adapters.ledger.sqlite import TABLE
from weir_gateway.domain.decision import UNKNOWN_BELOW

_UNKNOWN: Final = (
    "SELECT count(known), coalesce(sum(known < ?), 0) "  # noqa: S608 - the names are ours
    f"FROM {TABLE} WHERE part = 0 AND policy = ?"
)


def unknown_traffic(ledger: Path, policy: str) -> str:
    """The share in words; empty where the ledger has nothing of it."""
    if not ledger.is_file():
        return ""
    try:
        with open_ledger(ledger) as (database, _):
            columns = {str(row[1]) for row in database.execute(f"PRAGMA table_info({TABLE})")}
            if not {"known", "part"} <= columns:  # an older gateway's
                return ""
            judged, unknown = database.execute(_UNKNOWN, (UNKNOWN_BELOW, policy)).fetchone()
    except Failure:  # another program's file: the decision doesn't depend on it
        return ""
    if not judged:
        return ""
    return f"{unknown / judged:.1%} of {judged:,} requests in the ledger are unknown"
