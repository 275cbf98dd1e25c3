"""What clients said of answers, as the lab's own files: outcomes and preferences to learn from.

Reads a row at a time.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from weir_cli.failure import Failure
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE
from weir_gateway.domain.money import PICO_PER_USD

Line = dict[str, object]


def write_rated(database: sqlite3.Connection, since: int, into: Path) -> int:
    """Outcomes, a line per rated prompt: `prompt, model, score, cost, source`; gives how many.

    Raises Failure where nothing was rated, no prompt was kept, or the file can't be written.
    """
    return _written(_outcomes(database, since), _count(database, since, "rating"), into)


def write_preferred(database: sqlite3.Connection, since: int, into: Path) -> int:
    """Preferences, a line per compared prompt: `prompt, model_a, model_b, winner`.

    `model_a` is the one that answered. Raises Failure as `write_rated` does.
    """
    return _written(_preferences(database, since), _count(database, since, "preferred"), into)


def _outcomes(database: sqlite3.Connection, since: int) -> Iterator[Line]:
    with closing(database.execute(_RATED, (since,))) as rows:
        for text, model, rating, paid, policy in rows:
            cost = paid / PICO_PER_USD
            yield {
                "prompt": text,
                "model": model,
                "score": rating,
                "cost": cost,
                "source": policy,
            }


def _preferences(database: sqlite3.Connection, since: int) -> Iterator[Line]:
    with closing(database.execute(_PREFERRED, (since,))) as rows:
        for text, model, preferred, baseline, candidates in rows:
            names = [str(id_).rpartition("/")[2] for id_ in str(candidates).split(",") if id_]
            others = [name for name in (*names, str(baseline)) if name != model]
            won = preferred == model
            if won and not others:
                continue  # it was compared with nothing that is known
            other = others[0] if won else preferred
            winner = "model_a" if won else "model_b"
            yield {"prompt": text, "model_a": model, "model_b": other, "winner": winner}


def _count(database: sqlite3.Connection, since: int, kind: str) -> int:
    (count,) = database.execute(_COUNTS[kind], (since,)).fetchone()
    return int(count)


def _written(lines: Iterator[Line], expected: int, into: Path) -> int:
    if not expected:
        raise Failure("The ledger holds no such feedback in that time.")
    part = into.with_name(f".{into.name}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
        if not count:
            raise Failure(
                f"{expected:,} answers were judged, and no prompt of theirs is stored.",
                hint="serve with WEIR_TELEMETRY_CONTENT=1",
            )
        part.replace(into)
    except OSError as error:
        raise Failure(f"{into} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


_JOINED: Final = (
    f"FROM {TABLE} JOIN {FEEDBACK} USING (decision, key) WHERE part = 0 AND {TABLE}.at >= ? AND "
)
_IS: Final = {"rating": "rating IS NOT NULL", "preferred": "preferred <> ''"}
_ORDER: Final = f"AND text IS NOT NULL ORDER BY {TABLE}.at, decision"
_COUNTS: Final[dict[str, str]] = {
    kind: f"SELECT count(*) {_JOINED}{condition}" for kind, condition in _IS.items()
}
_RATED: Final = (
    f"SELECT text, model, rating, paid_pico_usd, policy {_JOINED}{_IS['rating']} {_ORDER}"
)
_PREFERRED: Final = (
    f"SELECT text, model, preferred, baseline, candidates {_JOINED}{_IS['preferred']} {_ORDER}"
)
Writer = Callable[[sqlite3.Connection, int, Path], int]
WRITERS: Final[dict[str, Writer]] = {"rated": write_rated, "preferred": write_preferred}
