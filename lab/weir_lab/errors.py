"""What can go wrong in the lab, as one tree.

    LabError
    ├── DataError        a file, a row, a column: what stands there and what should
    ├── TooFew           sound data, but not enough of it to say anything
    ├── NothingToRoute   the outcomes cannot tell two models apart
    ├── Backwards        a trained router ranks held-out prompts the wrong way round
    ├── NoPromise        no threshold can promise what was asked
    └── NoOverlap        the log never did what is asked about, so it can't tell

A command prints the message and ends with 1; it never prints a number beside one of these.
"""


class LabError(Exception):
    """Base: the message says what is wrong and what to do."""


class DataError(LabError):
    """A file cannot be taken as it is; the message names file, row and column."""


class TooFew(LabError):
    """There are too few rows for what was asked; the message says how many it takes."""


class NothingToRoute(LabError):
    """One model only, or two that are equal everywhere: there is no choice to learn or to judge."""


class Backwards(LabError):
    """A router gives higher scores to prompts that need the strong model less: not to be served."""


class NoPromise(LabError):
    """No threshold can promise that at that confidence with these labels."""


class NoOverlap(LabError):
    """What is asked about was never done, or too seldom: feedback can't tell how it would be."""
