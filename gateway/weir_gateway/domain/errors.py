"""Everything that can go wrong on a request's way, as one tree.

    WeirError
    ├── BadRequest             400  the body, a field, a value
    │   ├── TooLarge           413
    │   ├── UnsupportedMedia   415
    │   │   └── UnsupportedEncoding     the body's Content-Encoding
    │   ├── NoSuchObject       404  no file or batch of this id that is the client's
    │   ├── InUse              409  what is asked for can't be done while something else goes on
    │   └── CannotCarry             the chosen model's wire has no place for a field
    ├── KeyRefused             401  no client key, or none that is known
    ├── NotPermitted           403  the client key doesn't reach so far
    ├── LimitReached           429  of requests or tokens a minute; waiting helps
    │   └── BudgetExceeded          of money; mostly only tomorrow helps
    ├── LimitsUnknown          503  who counts can't be asked, and the policy is closed then
    ├── NoPolicy               404  nothing matches `model`
    ├── FeedbackRefused             feedback that is not taken
    │   ├── NoSuchDecision     404  unknown here, or another key's
    │   ├── DecisionTooOld     410
    │   ├── TooMuchFeedback    429
    │   ├── FeedbackNotKept    501  there is no ledger
    │   └── FeedbackUnavailable 503 its file can't be written now
    ├── NothingCanServe        503  every candidate is filtered out, or the policy rejects
    ├── NotKept                404  this gateway keeps no files and batches
    ├── StoreUnavailable       503  the place where they are kept can't be used now
    ├── ScorerUnavailable           missing, late or shedding; the policy's failureMode decides
    │   ├── RouterWarmingUp         it has not scored enough prompts for the objective yet
    │   └── NoSuchRouter            the bundle lacks it; 400 where the client named it
    ├── UpstreamError          502  with a kind; 503 where busy, 504 where too slow
    └── BadTable                    a route table that can't run; the last good one stays

Libraries' own errors are mapped onto these once, where they enter (adapters/).
"""

import math
from collections.abc import Mapping
from enum import StrEnum

from weir_policy.ids import PolicyId
from weir_policy.spec.resilience import FallbackOn


class WeirError(Exception):
    """Base: a message that says what to do, a stable code, an HTTP status."""

    status = 500
    code = "internal_error"
    type = "api_error"
    retry_after: str | None = None  # as Retry-After writes it; None where waiting doesn't help
    body: bytes | None = (
        None  # a provider's own error object, where the client's wire has its shape
    )

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        wait: float | None = None,
    ) -> None:
        """`wait` is the seconds after which it may be tried again; None: waiting doesn't help."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.wait = wait
        if code is not None:
            self.code = code
        if wait is not None:
            self.retry_after = str(max(math.ceil(wait), 1))


class BadRequest(WeirError):
    """The client can mend it."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class TooLarge(BadRequest):
    """The body is over the cap."""

    status = 413
    code = "request_too_large"


class UnsupportedMedia(BadRequest):
    """The body is not JSON by its Content-Type."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedEncoding(UnsupportedMedia):
    """The body's Content-Encoding is one that the gateway can't read."""

    code = "unsupported_encoding"


class NoSuchObject(BadRequest):
    """There is no such file or batch, or it is another client's."""

    status = 404
    code = "not_found"


class InUse(BadRequest):
    """Not now: a batch that is under way needs it, or is over already."""

    status = 409
    code = "conflict"


class CannotCarry(BadRequest):
    """The client's wire says something that the chosen model's wire has no place for.

    `param` is the field's path in the client's body. Known before anything is sent, so another
    candidate may still answer.
    """

    code = "not_carried"


class KeyRefused(WeirError):
    """The gateway asks for a client key, and there is none that it knows."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class NotPermitted(WeirError):
    """The client's key is good, and not for this."""

    status = 403
    code = "key_not_permitted"
    type = "permission_error"


class LimitReached(WeirError):
    """A limit refuses the request; the message says which."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"

    def __init__(
        self, message: str, *, wait: float | None = None, remaining: Mapping[str, int] | None = None
    ) -> None:
        """`left` is what headers tell."""
        super().__init__(message, wait=wait)
        self.remaining = remaining or {}


class BudgetExceeded(LimitReached):
    """The money is spent: a key's, or the budget of a policy that rejects for that."""

    code = "budget_exceeded"
    type = "insufficient_quota"


class LimitsUnknown(WeirError):
    """The limits' store is unavailable, and the policy refuses requests then."""

    status = 503
    code = "limits_unavailable"


class NoPolicy(WeirError):
    """No policy matches the request's `model`."""

    status = 404
    code = "model_not_found"
    type = "invalid_request_error"


class FeedbackRefused(WeirError):
    """Feedback that is not taken; the message says why."""


class NoSuchDecision(FeedbackRefused):
    """No decision of this id, or another key's: one answer for both, so that ids tell nothing."""

    status = 404
    code = "decision_not_found"
    type = "invalid_request_error"


class DecisionTooOld(FeedbackRefused):
    """The decision is the client's own, and too long ago."""

    status = 410
    code = "decision_too_old"
    type = "invalid_request_error"


class TooMuchFeedback(FeedbackRefused):
    """More in a minute than a key may give."""

    status = 429
    code = "too_much_feedback"
    type = "rate_limit_error"


class FeedbackNotStored(FeedbackRefused):
    """This gateway keeps no ledger, so there is nothing to tie feedback to."""

    status = 501
    code = "feedback_not_kept"


class FeedbackUnavailable(FeedbackRefused):
    """It can't be kept now."""

    status = 503
    code = "feedback_unavailable"


class NothingCanServe(WeirError):
    """A policy matched, and none of its candidates can serve this request now."""

    status = 503
    code = "no_candidate"


class BatchesNotEnabled(WeirError):
    """Files and batches need a folder, and this gateway was given none."""

    status = 404
    code = "batches_not_enabled"
    type = "invalid_request_error"


class StoreUnavailable(WeirError):
    """The folder of files and batches can't be read or written; the log says why."""

    status = 503
    code = "batches_unavailable"


class ScorerUnavailable(WeirError):
    """No score within the deadline; `message` says why."""

    status = 503
    code = "scorer_unavailable"


class RouterWarmingUp(ScorerUnavailable):
    """The router has not scored enough prompts yet to know a threshold; `message` counts them."""

    code = "warming_up"


class NoSuchRouter(ScorerUnavailable):
    """The scorer's bundle has no router of this name; `message` lists those it has."""

    code = "router_not_found"


class UpstreamFailure(StrEnum):
    """How an upstream failed before its first byte; also the label after `fallback:`."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    ADDRESS = "address"  # at an address that may not be called
    BROKEN = "broken"  # closed, malformed or not HTTP
    TRANSLATION = "translation"  # answered well, and the gateway can't translate the answer
    CREDENTIAL = "credential"  # the key it is called with is not there
    BUSY = "busy"  # the backend's own in-flight limit is reached
    LIMIT = "limit"  # the backend's own limit a minute is reached
    OPEN = "open"  # it failed too often and is left alone for a while
    STATUS = "status"  # answered 408, 409 or 5xx, and nothing tells more
    RATE_LIMIT = "rate_limit"  # answered that there are too many requests or tokens for now
    QUOTA = "quota"  # answered that the account's money or quota is used up
    OVERLOADED = "overloaded"  # answered that it has no capacity for the moment
    AUTH = "auth"  # refused the key that it was called with
    MODEL_NOT_FOUND = "model_not_found"  # answered that it has no such model
    CONTEXT_LENGTH = "context_length"  # answered that the prompt is too long for the model
    CONTENT_FILTER = "content_filter"  # answered that its filter declines the prompt


_KINDS = {
    UpstreamFailure.BUSY: FallbackOn.RATE_LIMIT,
    UpstreamFailure.LIMIT: FallbackOn.RATE_LIMIT,
    UpstreamFailure.RATE_LIMIT: FallbackOn.RATE_LIMIT,
    UpstreamFailure.QUOTA: FallbackOn.QUOTA,
    UpstreamFailure.OVERLOADED: FallbackOn.OVERLOADED,
    UpstreamFailure.AUTH: FallbackOn.AUTH,
    UpstreamFailure.MODEL_NOT_FOUND: FallbackOn.MODEL_NOT_FOUND,
    UpstreamFailure.CONTEXT_LENGTH: FallbackOn.CONTEXT_LENGTH,
    UpstreamFailure.CONTENT_FILTER: FallbackOn.CONTENT_FILTER,
}
# Kinds that say more than the provider's status.
_SPECIFIC = frozenset(
    {
        *(UpstreamFailure.CONTEXT_LENGTH, UpstreamFailure.CONTENT_FILTER, UpstreamFailure.QUOTA),
        *(UpstreamFailure.OVERLOADED, UpstreamFailure.MODEL_NOT_FOUND),
    }
)
_TOO_MANY = 429


class UpstreamError(WeirError):
    """A provider could not be reached, broke, or answered with what a fallback may mend."""

    status = 502
    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        failure: UpstreamFailure,
        upstream_status: int | None = None,
        body: bytes | None = None,
        retry_after: str | None = None,
        transient: bool = True,
    ) -> None:
        """`transient` is False where the same call would only fail again."""
        super().__init__(message)
        self.failure = failure
        self.transient = transient
        self.upstream_status = upstream_status  # the provider's, where it answered at all
        self.body = body
        self.retry_after = retry_after  # the provider's, as it wrote it
        self.headers: Mapping[str, str] = {}  # the provider's that the client gets
        if upstream_status is not None:
            self.status = upstream_status
        elif failure is UpstreamFailure.TIMEOUT:
            self.status, self.code = 504, "upstream_timeout"
        elif failure is UpstreamFailure.BUSY:
            self.status, self.code = 503, "upstream_busy"
        elif failure is UpstreamFailure.LIMIT:
            self.status, self.code = _TOO_MANY, "upstream_rate_limit"
        elif failure is UpstreamFailure.OPEN:
            self.status, self.code = 503, "upstream_unavailable"

    @property
    def label(self) -> str:
        """What stands behind `fallback:`: how it failed, where the provider's status says less."""
        if self.failure in _SPECIFIC:
            return str(self.failure)
        return str(self.upstream_status or self.failure)

    @property
    def rate_limited(self) -> bool:
        """Whether there were too many requests, for the provider or for the backend's limit."""
        return self.kind is FallbackOn.RATE_LIMIT or self.upstream_status == _TOO_MANY

    @property
    def kind(self) -> FallbackOn:
        """What a policy must fall back on for another candidate to be tried."""
        if self.failure is UpstreamFailure.STATUS and self.upstream_status == _TOO_MANY:
            return FallbackOn.RATE_LIMIT
        return _KINDS.get(self.failure, FallbackOn.DOWN)


class BadTable(WeirError):
    """A route table that can't be run; `policy` is the one at fault, None the table as a whole."""

    code = "bad_table"

    def __init__(self, message: str, *, policy: PolicyId | None = None) -> None:
        super().__init__(message)
        self.policy = policy
