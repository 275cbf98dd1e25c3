"""Which kind of failure a provider's error is: by its status, its codes and its words.

The rules are data, in the order in which they are tried. Codes are what APIs document; words are
for servers that tell by their message alone.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.errors import UpstreamFailure
from weir_wires.error_reading import ProviderError, plain_code, read_error

TOO_MANY: Final = 429
OK: Final = 200
# Statuses that may mean the request itself. 200 is an error's that came in place of an answer, and
# some servers answer 5xx to a prompt that doesn't fit.
_REQUEST: Final = frozenset({200, 400, 403, 404, 413, 422, 424, 451, *range(500, 600)})
_LOAD: Final = frozenset({200, 429, 498, *range(500, 600)})
# Fields of a request that hold the prompt; another one may be too long as well.
_PROMPT: Final = re.compile(r"^(body\.)?(messages|input|prompt|contents|system|instructions)\b")
_STATUS: Final = re.compile(r"[45][0-9]{2}")
_TOO_LONG: Final = frozenset({"stringabovemaxlength", "arrayabovemaxlength"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind, and what tells it: a status alone, a code, or words, within certain statuses."""

    kind: UpstreamFailure
    within: frozenset[int]  # statuses that the codes and words count in
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()  # that tell it by themselves

    def holds(self, status: int, error: ProviderError) -> bool:
        """Whether the error is of this kind."""
        if status in self.statuses:
            return True
        if status not in self.within:
            return False
        if self.codes & error.codes:
            return True
        words = self.words
        return words is not None and any(words.search(text) for text in error.texts)


def _codes(*names: str) -> frozenset[str]:
    return frozenset(map(plain_code, names))


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


RULES: Final = (
    # A daily quota of Google's has the status of a rate limit, and its words speak of billing.
    Rule(
        UpstreamFailure.QUOTA,
        frozenset({TOO_MANY}),
        codes=_codes(
            *("insufficient_quota", "exceeded_current_quota_error", "billing_hard_limit_reached"),
            *("billing_error", "insufficient_balance", "insufficient_credits", "arrearage"),
        ),
        words=_words(
            r"credit balance",
            r"(insufficient|no|out of|used all available) (balance|credits|funds|quota)",
            r"spend(ing)? limit",
            r"PerDay",
        ),
    ),
    Rule(
        UpstreamFailure.OVERLOADED,
        _LOAD,
        codes=_codes(
            *("overloaded_error", "engine_overloaded_error", "engine_overloaded", "overloaded"),
            *("server_overloaded", "model_overloaded", "capacity_exceeded", "no_capacity"),
            *("slow_down", "UNAVAILABLE", "unavailable_error", "ModelNotReadyException"),
            "ServiceUnavailableException",
        ),
        words=_words(
            r"overloaded",
            r"(at|over|exceeded|insufficient|out of|no available) capacity",
            r"capacity (exceeded|constraints)",
            r"high demand",
            r"server is busy",
            r"(is (currently )?loading|loading model)",
            r"no (available|healthy) (server|worker|upstream|instance)s?",
            r"queue is full",
        ),
        statuses=frozenset({529}),
    ),
    Rule(
        UpstreamFailure.RATE_LIMIT,
        frozenset({200, 400, 403, 413, 498, 500, 503}),
        codes=_codes(
            *("rate_limit_error", "rate_limit_exceeded", "rate_limit_reached", "rate_limited"),
            *("too_many_requests", "TooManyRequestsException", "ThrottlingException", "throttled"),
            *("RESOURCE_EXHAUSTED", "RequestLimitExceeded"),
        ),
        words=_words(
            r"rate[ _-]?limit",
            r"too many requests",
            r"too many tokens, please wait",
            r"throttl",
            r"(requests|tokens) per (second|minute|day)",
        ),
        statuses=frozenset({TOO_MANY}),
    ),
    Rule(
        UpstreamFailure.QUOTA,
        frozenset({200, 400, 403}),
        codes=_codes(
            *("insufficient_quota", "exceeded_current_quota_error", "billing_hard_limit_reached"),
            *("billing_error", "billing_not_active", "insufficient_balance", "arrearage"),
            *("insufficient_credits", "ServiceQuotaExceededException"),
        ),
        words=_words(
            r"credit balance is too low",
            r"(insufficient|out of|used all available|requires more|add more) "
            r"(account )?(balance|credits|funds|quota)",
            r"exceeded your (current |monthly )?(included )?(quota|credits)",
            r"(spend(ing)?|usage) limits?\b.{0,60}(reached|exceeded|regain)",
            r"(reached|exceeded) (your|its) (specified |monthly )*(api )?(usage|spend(ing)?) limit",
        ),
        statuses=frozenset({402}),
    ),
    Rule(
        UpstreamFailure.CONTENT_FILTER,
        _REQUEST,
        codes=_codes(
            *("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"),
            *("moderation_blocked", "data_inspection_failed", "invalid_prompt", "prompt_blocked"),
        ),
        words=_words(
            r"content (filter|management policy|policy)",
            r"blocked by .{0,40}polic",
            r"(prompt|input|content|request) (was |has been |is )?(flagged|blocked)",
            r"violat\w* .{0,40}(usage|content|safety) (polic|guideline)",
            r"content exists risk",
            r"inappropriate content",
        ),
    ),
    Rule(
        UpstreamFailure.CONTEXT_LENGTH,
        _REQUEST,
        codes=_codes(
            *("context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"),
            *("model_context_window_exceeded", "prompt_too_long", "tokens_limit_reached"),
            "request_too_large",
        ),
        words=_words(
            r"(prompt|input)( ?\([^)]{0,80}\))? (is |was )?(too (long|large)|longer than)",
            r"(input|prompt|requested|message)s?`? ?(length|size|tokens?)( count)?\b[^.]{0,80}"
            r"(exceed|longer|larger|greater|too (long|large|many)|only supports|should be|must be)",
            r"inputs` must have less than",
            r"(maximum|max\.?) (context|prompt|model|input) (length|size|window|tokens)",
            r"context[ _-]?(window|length|size|limit)s?\b[^.]{0,60}(exceed|overflow|reached|limit)",
            r"(exceed|longer than|larger than|greater than|fit in|overflow)\w*[^.]{0,60}"
            r"\bcontext\b",
            r"too many (input |prompt )?tokens",
            r"exceed\w* (the )?(model |maximum )?tokens? limit",
            r"reduce (the length of )?(the |your )?(length|prompt|input|messages|context)",
            r"exceeds the maximum (number of tokens|tokens? (size|length))",
            r"keep the first \d+ tokens",
            r"expected maxlength",
            r"range of input length",
            r"body too large for .{0,80} model",
        ),
    ),
    Rule(
        UpstreamFailure.MODEL_NOT_FOUND,
        frozenset({200, 400, 403, 404, 410, 422}),
        codes=_codes(
            *("model_not_found", "DeploymentNotFound", "model_decommissioned", "unknown_model"),
            *("model_not_available", "model_not_supported", "invalid_model"),
        ),
        words=_words(
            r"\bmodels?\b.{0,160}(not found|not exist|no longer (available|supported)|deprecated)",
            r"\bmodels?\b.{0,160}(decommissioned|is not (available|supported|a valid))",
            r"\bmodel: [^ ]+$",
            r"(unknown|invalid|no such) model\b(?!.{0,20}(input|output|parameter))",
            r"not a valid model",
            r"model identifier is invalid",
        ),
    ),
    Rule(
        UpstreamFailure.AUTH,
        frozenset({200, 400}),
        codes=_codes(
            *("invalid_api_key", "authentication_error", "API_KEY_INVALID", "UNAUTHENTICATED"),
            *("ExpiredTokenException", "UnrecognizedClientException", "AccessDeniedException"),
            *("InvalidSignatureException", "permission_error", "PERMISSION_DENIED"),
        ),
        words=_words(
            r"(invalid|incorrect|missing|expired) (api|access|authentication) ?(key|token)",
            r"api key (not|is not|is in)\w* ?(valid|found)?",
            r"no auth credentials",
        ),
        statuses=frozenset({401, 403}),
    ),
)


def failure_kind(status: int, body: bytes, code: str = "") -> UpstreamFailure:
    """The kind of an error answer, or of an error event (`status` is then 200).

    `code` is what a header says of the error. STATUS where nothing tells more than the status.
    """
    return kind_of(status, read_error(body), code)


def kind_of(status: int, error: ProviderError, code: str = "") -> UpstreamFailure:
    """The kind of an error that was read already."""
    codes = error.codes | ({plain_code(code)} if code else set[str]())
    error = replace(error, codes=codes)
    status = _reported_status(codes) if status == OK else status
    if codes & _TOO_LONG and status != TOO_MANY:  # of the prompt, or of another field
        prompt = _PROMPT.search(error.param) is not None
        return UpstreamFailure.CONTEXT_LENGTH if prompt else UpstreamFailure.STATUS
    for rule in RULES:
        if rule.holds(status, error):
            return rule.kind
    return UpstreamFailure.STATUS


def _reported_status(codes: frozenset[str]) -> int:
    """The status that an error within an answer tells as its code; OK where it tells none."""
    return next((int(code) for code in codes if _STATUS.fullmatch(code)), OK)
