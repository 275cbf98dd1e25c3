"""Which way a request goes to a backend: on its own wire if that is spoken, else by a pair.

Must not know tables or why a backend was chosen.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from weir_wires.translator import Translator
from weir_wires.translators import PAIRS
from weir_wires.wire import Wire

Pairs = Mapping[tuple[Wire, Wire], Translator]


@dataclass(frozen=True, slots=True)
class Way:
    """The wire a request goes out on, and its translation; None: it passes as it is."""

    out: Wire
    pair: Translator | None


def way(client: Wire, spoken: AbstractSet[Wire], pairs: Pairs = PAIRS) -> Way | None:
    """How a request on the wire `client` reaches an endpoint that speaks `spoken`, if at all."""
    if client in spoken:
        return Way(client, None)
    for (come, out), pair in pairs.items():
        if come is client and out in spoken:
            return Way(out, pair)
    return None


def spoken(wires: AbstractSet[Wire]) -> frozenset[Wire]:
    """All that an endpoint speaks: who answers messages also counts their tokens."""
    counts = {Wire.ANTHROPIC_COUNT_TOKENS} if Wire.ANTHROPIC_MESSAGES in wires else set[Wire]()
    return frozenset(wires) | counts


def taken(wires: AbstractSet[Wire], pairs: Pairs = PAIRS) -> frozenset[Wire]:
    """The clients' wires that an endpoint which speaks `wires` can serve."""
    return frozenset(wire for wire in Wire if way(wire, wires, pairs) is not None)
