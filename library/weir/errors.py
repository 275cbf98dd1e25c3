"""Everything that the library raises, as one tree; each message says what to do.

    Error
    ├── NoBundle         there is no bundle, it is broken, or it can't be built
    ├── PolicyMistakes   the policies have mistakes; `mistakes` lists them
    ├── BadRequest       the messages or another field can't be read; `param` names it
    ├── NoPolicy         no policy serves the request's `model`
    ├── Refused          the policy refuses the request; `code` and `wait` say why and how long
    └── DeciderClosed    the decider was closed

A score that doesn't come is no error: the policy's `failureMode` decides then.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from weir_gateway.domain import errors as gateway
from weir_scorer import BundleError
from weir_scorer.engine.ports import DeviceUnavailable


class Error(Exception):
    """Base of everything that the library raises."""


class NoBundle(Error):
    """There is no bundle to score with; `hint` is a command that helps."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.hint = hint


class PolicyMistakes(Error):
    """The policies can't be used."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        """`mistakes` say where (file and line, or the number of the object) and what."""
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__("\n  ".join([f"the policies have {count}:", *mistakes]))
        self.mistakes = tuple(mistakes)


class BadRequest(Error):
    """What is to be decided can't be read."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param  # the field's path; None: the request as a whole


class NoPolicy(Error):
    """No policy serves the model that the request names."""


class Refused(Error):
    """The policy refuses the request."""

    def __init__(self, message: str, *, code: str, status: int, wait: float | None = None) -> None:
        super().__init__(message)
        self.status = status  # as the gateway answers it: 429 or 503
        self.code = code  # as the gateway's HTTP API has it, such as "budget_exceeded"
        self.wait = wait  # seconds after which it may be tried again; None: waiting doesn't help


class DeciderClosed(Error):
    """The decider was closed, and is asked for a decision."""


@contextmanager
def mapped() -> Generator[None]:
    """Raise the errors of the gateway and of the bundle as the library's own."""
    try:
        yield
    except gateway.BadRequest as error:
        raise BadRequest(error.message, param=error.param) from error
    except gateway.NoPolicy as error:
        raise NoPolicy(error.message) from error
    except gateway.BadTable as error:
        raise PolicyMistakes([error.message]) from error
    except gateway.WeirError as error:
        raise Refused(
            error.message, code=error.code, status=error.status, wait=error.wait
        ) from error
    except (BundleError, DeviceUnavailable) as error:
        raise NoBundle(str(error)) from error
