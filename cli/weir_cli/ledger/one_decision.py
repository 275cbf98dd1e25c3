"""One decision of the ledger in full: what was decided and why, what it cost, how it was rated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from weir_agents.written import from_json, sentence
from weir_cli.failure import Failure
from weir_cli.ledger.database import has_feedback, open_ledger, selected_columns
from weir_cli.ledger.export import COLUMNS
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE
from weir_gateway.domain.money import PICO_PER_USD

Row = Mapping[str, Any]

_MICROS: Final = 1_000_000
_MICROS_PER_MS: Final = 1000
_LIMIT: Final = 100  # rows; a decision has few parts
_FEEDBACK: Final = f"SELECT rating, preferred, at FROM {FEEDBACK} WHERE decision = ?"  # noqa: S608 - the name is ours


@dataclass(frozen=True, slots=True)
class LedgerDecision:
    """A decision's rows by column, the answer's first, and the feedback on it."""

    rows: Sequence[Row]
    feedback: Sequence[Row]

    @property
    def answer(self) -> Row:
        """The row of the answer."""
        return self.rows[0]

    def to_json(self) -> dict[str, object]:
        """The decision as `--json` prints it."""
        return {
            "rows": [dict(row) for row in self.rows],
            "feedback": list(map(dict, self.feedback)),
        }


def find_decision(path: Path, id_: str) -> LedgerDecision:
    """The decision whose id is, or begins with, `id_`. Raises Failure for none and for several."""
    with open_ledger(path) as (database, _):
        query = (
            f"SELECT {selected_columns(database)} FROM {TABLE} "  # noqa: S608 - the names are ours
            "WHERE substr(decision, 1, length(?1)) = ?1 ORDER BY decision LIMIT ?2"
        )
        found = database.execute(query, (id_, _LIMIT)).fetchall()
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in found]
        ids = dict.fromkeys(str(row["decision"]) for row in rows)
        if len(ids) != 1:
            problem = "Several decisions begin with" if ids else "There is no decision"
            raise Failure(
                f"{problem} {id_}.",
                hint="the header x-weir-decision has the whole id; refused requests have no row",
            )
        feedback: list[Row] = []
        if has_feedback(database):
            values = database.execute(_FEEDBACK, (next(iter(ids)),)).fetchall()
            feedback = [
                dict(zip(("rating", "preferred", "at"), row, strict=True)) for row in values
            ]
    return LedgerDecision(sorted(rows, key=lambda row: row["part"] or 0), feedback)


class Decision:
    """A rich renderable of one decision."""

    def __init__(self, found: LedgerDecision) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich calls to draw it."""
        for name, value in self._lines():
            yield Text(f"  {name:<11}", "bold").append(value, "not bold")

    def _lines(self) -> Iterator[tuple[str, str]]:
        row = self._found.answer
        ended = datetime.fromtimestamp(row["at"] / _MICROS, UTC)
        key = f", key {row['key']}" if row["key"] else ""
        yield "decision", f"{row['decision']}, ended {ended:%Y-%m-%d %H:%M:%S} UTC"
        yield "policy", f"{row['policy']}{key}; the client asked for {row['asked']}"
        yield "candidates", (row["candidates"] or "").replace(",", ", ") or "unknown"
        yield (
            "answered",
            f"{row['model']} ({row['backend']}), status {row['status']} {row['error']}",
        )
        yield "because", _because(row)
        yield "router", f"{row['router']} of {row['bundle']}" if row["router"] else "none"
        if row["agent"]:
            yield "agent", _agent(str(row["agent"]))
        if row["variant"]:
            yield "variant", str(row["variant"])
        if row["intended_model"]:
            intended = f"{row['intended_model']}, for {_usd(row['intended_pico_usd'])}"
            yield "shadow", f"its own choice was {intended}"
        yield from _costs(self._found.rows)
        total, added = row["duration_us"], row["overhead_us"]
        total_ms, added_ms = total / _MICROS_PER_MS, added / _MICROS_PER_MS
        yield "time", f"{total_ms:,.1f} ms in all; Weir decided in {added_ms:,.1f} ms"
        for given in self._found.feedback:
            preferred = f"; preferred {given['preferred']}" if given["preferred"] else ""
            yield "feedback", f"rating {given['rating']}{preferred}"


def _agent(text: str) -> str:
    try:
        return sentence(from_json(text))
    except ValueError:
        return text


def _because(row: Row) -> str:
    score, threshold = row["score"], row["threshold"]
    compared = ""
    if score is not None and threshold is not None:
        sign = "≥" if score >= threshold else "<"
        compared = f": score {score:.4f} {sign} threshold {threshold:.4f}"
    elif score is not None:
        compared = f": score {score:.4f}"
    if row["known"] is not None:
        compared += f", known {row['known']:.3f}"
    detail = f" ({row['detail']})" if row["detail"] else ""
    explored = f"; explored, with probability {row['propensity']:g}" if row["explored"] else ""
    return f"{row['reason']}{compared}{detail}{explored}"


def _costs(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    answer = rows[0]
    counts = (
        f"{answer['input_tokens']:,} input ({answer['cached_tokens'] or 0:,} cached), "
        f"{answer['output_tokens']:,} output"
    )
    yield "tokens", counts if answer["counted"] else "not counted by the provider"
    paid = sum(row["paid_pico_usd"] for row in rows)
    saved = sum(row["saved_pico_usd"] for row in rows)
    strong = f"{_usd(paid + saved)} on {answer['baseline']}, so {_usd(saved)} saved (an estimate)"
    yield "cost", f"{_usd(paid)} paid; {strong}"
    for row in rows[1:]:
        yield "", f"of it {_usd(row['paid_pico_usd'])} for {row['what']} by {row['model']}"


def _usd(pico: int) -> str:
    return f"${pico / PICO_PER_USD:.6f}"
