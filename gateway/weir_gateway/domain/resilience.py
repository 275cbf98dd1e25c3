"""How a backend's failures are borne: the settings of a ModelBackend, and what a fallback mends.

The defaults are what a table that says nothing gets; policy/weir_policy/spec has the same,
and a test holds the two together. Must not know sockets or clocks.
"""

from dataclasses import dataclass

from weir_policy.spec.resilience import FallbackOn

# Not the content filter: what one provider declines is not to be tried on the next unasked.
FALLBACK_DEFAULT = frozenset(FallbackOn) - {FallbackOn.CONTENT_FILTER}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed call is made again at the same backend, before the policy's next."""

    attempts: int = 2  # calls in all for one request; 1: none is made again
    budget: float = 0.2  # (0,1): share of requests that may be made again, so that none is a storm
    wait: float = 1.0  # seconds; the longest wait before one, Retry-After included


@dataclass(frozen=True, slots=True)
class Breaker:
    """When an endpoint is left alone, and for how long."""

    failures: int = 10  # within `window` ...
    share: float = 0.25  # ... that are at least this share (0,1) of its calls in it
    window: float = 10.0  # seconds
    open: float = 5.0  # seconds until it is tried again; doubled with each trial that fails
    trials: int = 3  # calls in a row that must succeed then


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waits when the in-flight limit is reached."""

    size: int = 16  # requests; 0: nobody waits
    wait: float = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Hedge:
    """A second call where the first has not begun to stream in the time that most do."""

    budget: float = 0.05  # (0,1): share of streamed requests that may be called twice
    after: float = 0.95  # (0,1): the quantile of the time to the first token that is waited for


RETRIES = Retries()
BREAKER = Breaker()
QUEUE = Queue()
HEDGE = Hedge()
