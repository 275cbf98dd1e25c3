"""The error of a command: one line, and a hint what to do. Exit status 1."""

import sys
from typing import IO, Any

import click


class Failure(click.ClickException):
    """A command failed; `hint` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    # click's own signature has IO[Any]
    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message and the hint on standard error."""
        out = file if file is not None else sys.stderr
        click.echo(f"weir: {self.message}", file=out)
        if self.hint:
            click.echo(f"  {self.hint}", file=out)
