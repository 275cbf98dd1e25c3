"""Books beside books: what the stand-in says it served, and what the gateway says it cost."""

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from weir_proto.routing.v2.routetable_pb2 import PolicyUsage

MICRO = 10**6  # pico-USD in a micro-USD
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-USD per million tokens."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Row:
    """As much of a ledger's row as books are compared by."""

    decision: str
    part: int
    policy: str
    model: str
    reason: str
    status: int
    error: str
    counted: bool
    input_tokens: int
    output_tokens: int
    paid: int  # pico-USD
    saved: int


def ledger(path: Path) -> list[Row]:
    """Every row."""
    query = (
        "SELECT decision, part, policy, model, reason, status, error, counted, input_tokens,"
        " output_tokens, paid_pico_usd, saved_pico_usd FROM ledger"
    )
    with closing(sqlite3.connect(path)) as database:
        return [Row(*row) for row in database.execute(query)]


def tokens(rows: Sequence[Row]) -> Mapping[str, tuple[int, int]]:
    """Input and output by model, of what providers counted."""
    read, written = Counter[str](), Counter[str]()
    for row in rows:
        if row.counted:
            read[row.model] += row.input_tokens
            written[row.model] += row.output_tokens
    return {model: (read[model], written[model]) for model in read | written}


def paid(rows: Sequence[Row], prices: Mapping[str, Price]) -> Mapping[str, int]:
    """Pico-USD by model, reckoned anew from the tokens of the rows that are counted."""
    return {
        model: read * prices[model].input + written * prices[model].output
        for model, (read, written) in tokens(rows).items()
    }


def summed(rows: Sequence[Row], column: str, by: str) -> Mapping[str, int]:
    """Sums of a column of numbers, by another column."""
    sums = Counter[str]()
    for row in rows:
        sums[getattr(row, by)] += getattr(row, column)
    return sums


def metric(text: str, name: str, by: str) -> Mapping[str, float]:
    """A metric's sums by one label, from the Prometheus text."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.partition("{")[0] in {name, f"{name}_total"}:
            label = dict(_LABEL.findall(head)).get(by, "")
            sums[label] = sums.get(label, 0.0) + float(value)
    return sums


def told(usage: Sequence[PolicyUsage]) -> Mapping[str, tuple[int, int, int]]:
    """What a gateway reports for a policy's status: requests, micro-USD paid and saved."""
    return {one.policy: (one.requests, one.paid_micro_usd, one.saved_micro_usd) for one in usage}
