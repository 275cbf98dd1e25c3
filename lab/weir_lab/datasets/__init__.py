"""Recorded outcomes and preferences: read, checked, de-duplicated, searched for leaks.

Its values are frozen and valid. Must not know features, routers or metrics.
"""

from weir_lab.datasets.battles import Battles, Winner
from weir_lab.datasets.leaks import Leaks, find_leaks
from weir_lab.datasets.load import load_battles, load_outcomes, load_pair
from weir_lab.datasets.outcomes import Outcomes
from weir_lab.datasets.pairs import Pair, choose_pair

__all__ = [
    "Battles",
    "Leaks",
    "Outcomes",
    "Pair",
    "Winner",
    "choose_pair",
    "find_leaks",
    "load_battles",
    "load_outcomes",
    "load_pair",
]
