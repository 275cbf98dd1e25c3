"""The written forms: shares, decimals, money, durations, names, URLs.

Each is a pattern, a sentence and a conversion into the unit that the gateway runs: seconds as
float, amounts of money as whole pico-USD, shares in (0,1).
"""

import re
from decimal import Decimal

from weir_policy.fields.kinds import Text
from weir_policy.ids import BackendId, ModelName, PicoUsd, RouterName

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
ANY_TEMPERATURE = 1e6  # above every request's; JSON has no infinity
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def to_seconds(text: str) -> float:
    """`250ms` as .25, `1m30s` as 90, `1.5h` as 5400; whole milliseconds."""
    parts = re.findall(r"([0-9.]+)(ms|[hms])", text)
    seconds = sum(Decimal(number) * _SECONDS[unit] for number, unit in parts)
    return int(seconds * 1000) / 1000


def to_share(text: str) -> float:
    """`20%` as .2."""
    return float(Decimal(text.removesuffix("%")) / 100)


def to_pico_usd(text: str) -> PicoUsd:
    """`2.50` as 2500000000000."""
    return PicoUsd(int(Decimal(text).scaleb(12)))


def to_pico_usd_per_token(text: str) -> int:
    """USD per million tokens as pico-USD per token: `2.50` as 2500000."""
    return int(Decimal(text).scaleb(6))


def to_pico_usd_per_call(text: str) -> int:
    """USD per thousand calls as pico-USD per call: `10` as 10000000000."""
    return int(Decimal(text).scaleb(9))


def to_millionths(text: str) -> int:
    """`1.75` as 1750000."""
    return int(Decimal(text).scaleb(6))


def to_temperature(text: str) -> float:
    """`any` as ANY_TEMPERATURE."""
    return ANY_TEMPERATURE if text == "any" else float(text)


def to_router(text: str) -> RouterName:
    """`default` as the empty name: the bundle chooses."""
    return RouterName("" if text == "default" else text)


def to_url(text: str) -> str:
    """Without a trailing slash."""
    return text.rstrip("/")


def text(word: str, at_most: int) -> Text[str]:
    """Any text that is not empty and has at most `at_most` characters."""
    return Text(word=word, convert=str, max_length=at_most)


NAME = Text(
    word="name",
    convert=str,
    max_length=253,
    pattern=rf"{_LABEL}(\.{_LABEL})*",
    message="must be a resource's name: lower-case letters, digits, '-' and '.', like gpt-4o-mini",
)
BACKEND = Text(
    word="name",
    convert=BackendId,
    max_length=253,
    pattern=rf"{_LABEL}(\.{_LABEL})*",
    message="must be a resource's name: lower-case letters, digits, '-' and '.', like gpt-4o-mini",
)
LABEL = Text(
    word="namespace",
    convert=str,
    max_length=63,
    pattern=_LABEL,
    message="must be a namespace's name: lower-case letters, digits and '-', like team-a",
)
NAMESPACE_OR_ALL = Text(
    word="namespace or `*`",
    convert=str,
    max_length=63,
    pattern=rf"\*|{_LABEL}",
    message="must be a namespace's name, like team-a, or * for every namespace",
)
SECRET_KEY = Text(
    word="key",
    convert=str,
    max_length=253,
    pattern=r"[-._a-zA-Z0-9]+",
    message="must be a key of a Secret: letters, digits, '-', '_' and '.', like api-key",
)
VARIABLE = Text(
    word="variable",
    convert=str,
    max_length=253,
    pattern=r"[A-Za-z_][A-Za-z0-9_]*",
    message="must be the name of an environment variable, like OPENAI_API_KEY",
)
WORD = Text(
    word="word",
    convert=str,
    max_length=63,
    pattern=r"[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?",
    message="must be one word of letters, digits, '-' and '_', like long-tools",
)
ROUTER = Text(
    word="word",
    convert=to_router,
    max_length=63,
    pattern=r"[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?",
    message="must be one word of letters, digits, '-' and '_', like long-tools",
)
HEADER = Text(
    word="header name",
    convert=str.lower,
    max_length=253,
    pattern=r"[A-Za-z0-9][-_A-Za-z0-9]*",
    message="must be an HTTP header's name, like x-team",
)
HEADER_VALUE = Text(
    word="header value",
    convert=str,
    max_length=1024,
    pattern=r"[!-~]([ -~]*[!-~])?",
    message="must be one line of printable ASCII",
)
URL_PATH = Text(
    word="path",
    convert=str,
    max_length=253,
    pattern=r"(/[-._~A-Za-z0-9]*[-_~A-Za-z0-9][-._~A-Za-z0-9]*)+(/\*)?",
    message="must be a path like /v1/images/generations or /v1/audio/*",
)
QUERY_NAME = Text(
    word="parameter name",
    convert=str,
    max_length=63,
    pattern=r"[-._~A-Za-z0-9]+",
    message="must be a URL parameter's name, like api-version",
)
QUERY_VALUE = Text(
    word="parameter value",
    convert=str,
    max_length=253,
    pattern=r"[!-~]+",
    message="must be printable ASCII without spaces, like 2024-10-21",
)
MODEL = Text(
    word="model name",
    convert=ModelName,
    max_length=253,
    pattern=r"[!-)+-~]+",
    message="must be a model name without spaces or *, like gpt-4o",
)
MODEL_ID = Text(
    word="model id",
    convert=str,
    max_length=253,
    min_length=0,
)
CATALOG_NAME = Text(
    word="catalog model",
    convert=str,
    max_length=253,
    pattern=r"[a-z0-9][-a-z0-9.]*/[!-.0-~][!-~]*",
    message="must be a catalog's provider and model, like openai/gpt-5-mini; see weir catalog list",
)
MODEL_PATTERN = Text(
    word="model name",
    convert=ModelName,
    max_length=253,
    pattern=r"[!-)+-~]+|[!-)+-~]*\*[!-)+-~]*",
    message="must be a model name without spaces and with one * at most, like auto or claude-*",
)
PROBABILITY = Text(
    word='decimal from "0" to "1"',
    convert=float,
    max_length=12,
    pattern=r"0(\.[0-9]{1,9})?|1(\.0{1,9})?",
    message='must be a quoted decimal from "0" to "1", like "0.62"',
)
TEMPERATURE = Text(
    word='decimal from "0" to "2", or `any`',
    convert=to_temperature,
    max_length=8,
    pattern=r"any|[01](\.[0-9]{1,4})?|2(\.0{1,4})?",
    message='must be a quoted decimal from "0" to "2", like "0.3", or any',
)
SHARE = Text(
    word="share, above 0% and below 100%",
    convert=to_share,
    max_length=8,
    pattern=r"(0?[1-9]|[1-9][0-9])(\.[0-9]{1,4})?%|0\.[0-9]{0,3}[1-9][0-9]{0,3}%",
    message="must be a share above 0% and below 100%, like 20%",
)
USD = Text(
    word="USD",
    convert=to_pico_usd,
    max_length=16,
    pattern=r"[0-9]{1,7}(\.[0-9]{1,6})?",
    message='must be a quoted amount of USD with at most 6 decimals, like "2.50"',
)
USD_PER_MILLION_TOKENS = Text(
    word="USD",
    convert=to_pico_usd_per_token,
    max_length=16,
    pattern=r"[0-9]{1,7}(\.[0-9]{1,6})?",
    message='must be a quoted amount of USD with at most 6 decimals, like "2.50"',
)
USD_PER_THOUSAND_CALLS = Text(
    word="USD",
    convert=to_pico_usd_per_call,
    max_length=16,
    pattern=r"[0-9]{1,7}(\.[0-9]{1,6})?",
    message='must be a quoted amount of USD with at most 6 decimals, like "2.50"',
)
FACTOR = Text(
    word="factor",
    convert=to_millionths,
    max_length=8,
    pattern=r"[0-9]{1,3}(\.[0-9]{1,4})?",
    contains="[1-9]",
    message='must be a quoted factor above zero, like "0.5" or "1.75"',
)
DURATION = Text(
    word="duration",
    convert=to_seconds,
    max_length=32,
    # Go's own form, hours first, down to the millisecond; in all less than a week.
    pattern=r"([0-9]{1,2}(\.[0-9]{1,3})?h)?([0-9]{1,4}(\.[0-9]{1,3})?m)?"
    r"([0-9]{1,5}(\.[0-9]{1,3})?s)?([0-9]{1,8}ms)?",
    contains="[1-9]",
    message="must be a duration above zero, like 250ms, 30s, 1m30s or 1.5h",
)
ENDPOINT = Text(
    word="URL",
    convert=to_url,
    max_length=2048,
    pattern=r"https?://[^/?#@ \x00-\x20\x7f\\]+(/[^?#@ \x00-\x20\x7f\\]*)?",
    message=(
        "must be an http:// or https:// URL without user, password, query or fragment, "
        "like https://api.example.com/v1"
    ),
)
