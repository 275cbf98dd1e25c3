"""The lab's errors, as one tree.

    LabError
    ├── DataError        a file can't be read; the message names row and column
    ├── TooFew           valid data, but too little of it
    ├── NothingToRoute   the outcomes show no difference between two models
    ├── Backwards        a trained router ranks held-out prompts the wrong way round
    ├── NoPromise        no threshold can be certified for the request
    └── NoOverlap        the log lacks the decisions that the estimated policy would make

A command prints the message and ends with 1; it never prints a number beside one of these.
"""


class LabError(Exception):
    """Base of the lab's errors: the message says what is wrong and what to do."""


class DataError(LabError):
    """A file can't be read; the message names file, row and column."""


class TooFew(LabError):
    """There are too few rows; the message says how many are needed."""


class NothingToRoute(LabError):
    """There is one model only, or two with equal outcomes: there is no choice to learn."""


class Backwards(LabError):
    """A router scores prompts higher that need the strong model less, and must not be served."""


class NoPromise(LabError):
    """No threshold can be certified at that confidence with these labels."""


class NoOverlap(LabError):
    """The log has too few of the decisions that the estimated policy would make."""
