"""Errors of the shared Redis, and the mapping of the library's errors to them."""

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from redis import exceptions

MAX_MESSAGE_CHARS: Final = 200  # characters of the server's text in a message


class RedisProblem(StrEnum):
    """Why a call failed; the same word in metric and log."""

    CONNECT = "connect"  # not reached, or the connection broke
    TIMEOUT = "timeout"  # no answer in time
    AWAY = "away"  # not called: it failed recently
    CREDENTIAL = "credential"  # wrong password, or the user lacks permission
    FULL = "full"  # its memory is full, and its policy evicts nothing
    VERSION = "version"  # too old
    REPLICA = "replica"  # read-only: another server is the primary
    REFUSED = "refused"  # any other error response


# Connections are dropped after these: new ones may reach the right server.
UNREACHABLE: Final = frozenset(
    {RedisProblem.CONNECT, RedisProblem.TIMEOUT, RedisProblem.CREDENTIAL, RedisProblem.REPLICA}
)

READ_ONLY: Final = "it is a replica, which is read-only"


class RedisUnavailable(Exception):
    """A call to Redis failed; the message never contains a password."""

    def __init__(self, problem: RedisProblem, message: str) -> None:
        super().__init__(f"{problem}: {message}" if message else str(problem))
        self.problem = problem


@contextmanager
def map_redis_errors(within: float) -> Generator[None]:
    """Raise RedisUnavailable for errors of the library, except for NoScriptError.

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
    """Errors inside a script have no class of their own: tell them by their text."""
    if "READONLY " in text:
        return RedisUnavailable(RedisProblem.REPLICA, READ_ONLY)
    return RedisUnavailable(
        RedisProblem.FULL if "OOM " in text else RedisProblem.REFUSED, text[:MAX_MESSAGE_CHARS]
    )
