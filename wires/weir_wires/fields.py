"""What becomes of a field between two wires, as data: the tables that the documentation shows.

Must not know how a field is translated.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What a pair of wires does with one field of the client's."""

    CARRIED = "carried"
    DROPPED = "dropped"  # left out, named in a warning: the answer is the same kind of answer
    REFUSED = "refused"  # the request fails (or falls back), naming the field


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the client's wire and its fate; `[]` stands for any index."""

    name: str
    fate: Fate
    note: str = ""  # what it becomes, or when; one clause


def carried(name: str, note: str = "") -> Field:
    """A field with a place on the other wire."""
    return Field(name, Fate.CARRIED, note)


def dropped(name: str, note: str = "") -> Field:
    """A field that is left out with a warning."""
    return Field(name, Fate.DROPPED, note)


def refused(name: str, note: str = "") -> Field:
    """A field that the pair can't carry."""
    return Field(name, Fate.REFUSED, note)
