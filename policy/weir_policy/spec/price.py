"""What a provider charges: prices per token, and what providers charge beside or instead."""

from typing import ClassVar

from weir_policy.fields.composite import List, Object
from weir_policy.fields.formats import (
    FACTOR,
    USD,
    USD_PER_MILLION_TOKENS,
    USD_PER_THOUSAND_CALLS,
    WORD,
)
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.spec.limits import COUNT

RATES = (
    *("input", "output", "cachedInput", "cacheWrite", "cacheWrite1h", "reasoning"),
    *("audioInput", "audioOutput", "imageInput", "imageOutput"),
)


@shape
class Rates:
    """Prices of tokens by their kind, in USD per million tokens."""

    input: int | None = optional(USD_PER_MILLION_TOKENS, "Prompt tokens.")
    output: int | None = optional(USD_PER_MILLION_TOKENS, "Answer tokens.")
    cached_input: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "Prompt tokens read from the provider's cache. Not set: as `input`.",
    )
    cache_write: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "Prompt tokens written to the provider's cache. Not set: as `input`.",
    )
    cache_write_1h: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "Prompt tokens written to the cache for an hour. Not set: as `cacheWrite`.",
    )
    reasoning: int | None = optional(
        USD_PER_MILLION_TOKENS, "The answer's reasoning tokens. Not set: as `output`."
    )
    audio_input: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "The prompt's audio tokens that no cache had. Not set: as `input`.",
    )
    audio_output: int | None = optional(
        USD_PER_MILLION_TOKENS, "The answer's audio tokens. Not set: as `output`."
    )
    image_input: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "The prompt's image tokens that no cache had. Not set: as `input`.",
    )
    image_output: int | None = optional(
        USD_PER_MILLION_TOKENS, "The answer's image tokens. Not set: as `output`."
    )


@shape
class LengthTier(Rates):
    """Prices of the whole request, where its prompt is long; what is not set stays as it is."""

    above: int = required(COUNT, "Prompt tokens, cached ones included, above which it holds.")


@shape
class ServiceTier(Rates):
    """Prices of answers that say this tier of service; what is not set stays as it is."""

    CHECKS: ClassVar = (
        Check(
            f"has(self.factor) != ({' || '.join(f'has(self.{name})' for name in RATES)})",
            "write either factor or prices",
        ),
    )

    name: str = required(WORD, "As the answer has it: `priority`, `flex`, `fast`, ...")
    factor: int | None = optional(FACTOR, "All prices of tokens times this.")


@shape
class ToolFee:
    """What the provider charges for calls of a tool that it runs itself."""

    name: str = required(
        WORD, "As the answer counts it: `web_search_requests`, `web_search_call`, ..."
    )
    per_thousand: int = required(USD_PER_THOUSAND_CALLS, "USD for 1,000 calls.")


@shape
class Price(Rates):
    """What the provider charges."""

    per_request: int | None = optional(USD, "USD for every answer, beside its tokens.")
    batch: Rates | None = optional(
        Object(Rates),
        "Prices of items that go as the provider's own batch; what is not set stays as it is. Not "
        "set: all prices of tokens less `batches.discount`.",
    )
    tiers: tuple[LengthTier, ...] = defaulted(
        List(Object(LengthTier), at_most=4),
        "Prices of long prompts, for the whole request; the highest `above` that holds counts.",
        default=[],
    )
    service_tiers: tuple[ServiceTier, ...] = defaulted(
        List(Object(ServiceTier), at_most=8, unique="name"),
        "Prices by the tier of service that the answer says. A factor also holds for long "
        "prompts; prices hold in place of theirs.",
        default=[],
    )
    tools: tuple[ToolFee, ...] = defaulted(
        List(Object(ToolFee), at_most=16, unique="name"),
        "Fees for calls of tools that the provider runs, such as a web search.",
        default=[],
    )
