"""What can go wrong with a shared store, and the library's errors mapped onto it, in one place."""

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from redis import exceptions

MAX_MESSAGE_CHARS: Final = 200  # characters of the server's words that a message repeats


class RedisProblem(StrEnum):
    """Why a call was in vain; the same word in metric and log."""

    CONNECT = "connect"  # not reached, or the connection broke
    TIMEOUT = "timeout"  # no answer in time
    AWAY = "away"  # not asked: it failed a moment ago
    CREDENTIAL = "credential"  # it refuses the password, or the user may not do this
    FULL = "full"  # its memory is, and it evicts nothing
    VERSION = "version"  # too old
    REPLICA = "replica"  # it takes no writes: another one is the primary, or is about to be
    REFUSED = "refused"  # it answered with any other error


# Connections that are of no use any more: new ones may lead to who is.
UNREACHABLE: Final = frozenset(
    {RedisProblem.CONNECT, RedisProblem.TIMEOUT, RedisProblem.CREDENTIAL, RedisProblem.REPLICA}
)

READ_ONLY: Final = "it is a replica, which takes no writes"


class RedisUnavailable(Exception):
    """A shared store did not do what it was asked; the message never holds a password."""

    def __init__(self, trouble: RedisProblem, message: str) -> None:
        super().__init__(f"{trouble}: {message}" if message else str(trouble))
        self.trouble = trouble


@contextmanager
def mapped(within: float) -> Generator[None]:
    """Let no error of the library out; a script that isn't known passes: whoever sent it sends all.

    `within` is the call's deadline in seconds, for the message.
    """
    try:
        yield
    except exceptions.NoScriptError:
        raise
    except (TimeoutError, exceptions.TimeoutError) as error:
        raise RedisUnavailable(RedisProblem.TIMEOUT, f"no answer within {within:g} s") from error
    except exceptions.OutOfMemoryError as error:
        raise RedisUnavailable(RedisProblem.FULL, "its memory is full (maxmemory)") from error
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise RedisUnavailable(RedisProblem.CREDENTIAL, str(error)[:MAX_MESSAGE_CHARS]) from error
    except exceptions.ReadOnlyError as error:
        raise RedisUnavailable(RedisProblem.REPLICA, READ_ONLY) from error
    except exceptions.ResponseError as error:
        raise _refused(str(error)) from error
    except (exceptions.RedisError, OSError) as error:
        raise RedisUnavailable(RedisProblem.CONNECT, str(error)[:MAX_MESSAGE_CHARS]) from error


def _refused(text: str) -> RedisUnavailable:
    """What goes wrong inside a script has no class of its own."""
    if "READONLY " in text:
        return RedisUnavailable(RedisProblem.REPLICA, READ_ONLY)
    return RedisUnavailable(
        RedisProblem.FULL if "OOM " in text else RedisProblem.REFUSED, text[:MAX_MESSAGE_CHARS]
    )
