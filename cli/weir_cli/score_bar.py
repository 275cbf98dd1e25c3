"""A score as a bar with the threshold marked on it: for a glance. Pure.

Raw scores crowd together, so the bar does not show them: it shows how many of the bundle's
reference prompts are easier.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉"
_MARK = "┃"


@dataclass(frozen=True, slots=True)
class Scale:
    """Places scores among those of the reference prompts; without any, by themselves."""

    quantiles: Sequence[float]  # evenly spaced from 0 to 1, ascending

    def share_easier(self, score: float) -> float:
        """The share in [0,1] of the reference prompts that score lower."""
        if not self.quantiles:
            return score
        return bisect_left(self.quantiles, score) / len(self.quantiles)


def bar(place: float, threshold: float | None, *, width: int = 32) -> Text:
    """A place in [0,1] as a bar of `width` cells, coloured by its side of the threshold's place."""
    strong = threshold is not None and place >= threshold
    colour = "yellow" if strong else "green"
    drawn = Text()
    mark = None if threshold is None else mark_at(threshold, width)
    for cell, letter in enumerate(_cells(place, width)):
        if cell == mark:
            drawn.append(_MARK, "bold red")
        else:
            drawn.append(letter if letter != " " else "·", colour if letter != " " else "dim")
    return drawn


def mark_at(threshold: float, width: int) -> int:
    """The cell on which the threshold is marked."""
    return min(int(threshold * width), width - 1)


def _cells(place: float, width: int) -> str:
    """Full cells, one part of a cell, and blanks."""
    eighths = round(min(max(place, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width)
