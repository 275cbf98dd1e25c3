"""The errors of opening and of building a bundle."""

from pathlib import Path


class BundleError(Exception):
    """A folder that is not a whole, unaltered bundle; names the file and says what to do."""

    def __init__(self, path: Path, problem: str, *, hint: str = "") -> None:
        advice = hint or "build it again: weir bundle build --out DIR"
        super().__init__(f"{path}: {problem}; {advice}")
        self.path = path
        self.problem = problem


class BuildError(Exception):
    """The message says what failed and what to do."""
