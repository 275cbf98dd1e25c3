"""`weir explain` says which limits a request would come under."""

from dataclasses import replace

from support.limits import limits as amounts
from support.tables import policy, request
from weir_cli.explain.policy_text import limits
from weir_gateway.domain.limits import PolicyLimits
from weir_gateway.domain.money import PICO_PER_USD
from weir_policy.spec.limits import LimitsFailure


def test_no_limits_are_no_words() -> None:
    assert limits(policy(), request()) == ""


def test_each_limit_is_told_and_what_the_request_takes() -> None:
    each = amounts(requests_per_minute=600, strong_usd_per_day=20 * PICO_PER_USD)
    total = amounts(tokens_per_minute=9000, usd_per_day=PICO_PER_USD // 2)
    limited = replace(policy(), limits=PolicyLimits(per_key=each, total=total))
    assert limits(limited, request(prompt_tokens=10)) == (
        "each key 600 requests a minute, $20 a day for the strong model; "
        "all clients together 9000 tokens a minute, $0.5 a day; "
        "this request reserves about 410 tokens; without Redis counted here alone"
    )
    closed = replace(limited, when_limits_gone=LimitsFailure.CLOSED)
    assert limits(closed, request()).endswith("without Redis refused")
