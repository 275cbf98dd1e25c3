"""LiteLLM's prices per token as a ModelBackend's `price`, and the catalog where none is written.

LiteLLM looks up prices by the model's name; a configuration that relies on that names the same
model of Weir's catalog.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from weir_cli.importing.source import Section
from weir_policy.catalog.catalog import Catalog

RATES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cachedInput",
    "cache_creation_input_token_cost": "cacheWrite",
    "cache_creation_input_token_cost_above_1hr": "cacheWrite1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audioInput",
    "output_cost_per_audio_token": "audioOutput",
    "input_cost_per_image_token": "imageInput",
    "output_cost_per_image_token": "imageOutput",
}
SERVICE_TIERS: Final = ("priority", "flex")
_LONG: Final = re.compile(r"(?P<rate>\w+)_above_(?P<thousands>[0-9]{1,4})k_tokens")
_MILLION: Final = 10**6
_PROVIDERS: Final = {
    "gemini": "google",
    "vertex_ai": "google",
    "bedrock": "amazon",
    "dashscope": "qwen",
}
_DATED: Final = re.compile(r"-20[0-9]{6}$")  # Anthropic's ids of one version
_REGION: Final = re.compile(r"^(us|eu|apac|jp|au|ca|global|us-gov)\.")  # Bedrock's profiles


@dataclass(frozen=True, slots=True)
class ImportedPrice:
    """What a backend's spec says of its price."""

    price: dict[str, Any]
    catalog: str | None  # the catalog's model, where no price is written
    output: float  # USD per million tokens, to compare models by


def read_price(
    params: Section, info: Section, names: tuple[str, str], catalog: Catalog
) -> ImportedPrice:
    """The price that the deployment writes, or the catalog's model of provider and model."""
    price = _written(params, info)
    if price:
        return ImportedPrice(price, None, float(price.get("output", 0)))
    known = _catalog_name(*names, catalog)
    micro = catalog.models[known].price.output if known is not None else None
    return ImportedPrice({}, known, (micro or 0) / _MILLION)


def _written(params: Section, info: Section) -> dict[str, Any]:
    price: dict[str, Any] = dict(_rates(params, info, "{}"))
    tiers = [
        {"above": above, **rates}
        for above in sorted(_lengths(params, info))
        if (rates := dict(_rates(params, info, f"{{}}_above_{above // 1000}k_tokens")))
    ]
    price |= {"tiers": tiers} if tiers else {}
    batch = dict(_rates(params, info, "{}_batches"))
    price |= {"batch": batch} if batch else {}
    named = [
        {"name": name, **rates}
        for name in SERVICE_TIERS
        if (rates := dict(_rates(params, info, f"{{}}_{name}")))
    ]
    return price | ({"serviceTiers": named} if named else {})


def _rates(params: Section, info: Section, form: str) -> Iterator[tuple[str, str]]:
    for rate, field in RATES.items():
        name = form.format(rate)
        per_token = (params if name in params.fields else info).number(name)
        if per_token is not None:
            text = f"{Decimal(repr(per_token)) * _MILLION:.6f}"
            yield field, text.rstrip("0").rstrip(".")


def _lengths(params: Section, info: Section) -> set[int]:
    found = (_LONG.fullmatch(str(name)) for name in (*params.fields, *info.fields))
    lengths = {int(m["thousands"]) * 1000 for m in found if m is not None and m["rate"] in RATES}
    return {above for above in lengths if above}


def _catalog_name(prefix: str, model: str, catalog: Catalog) -> str | None:
    provider = _PROVIDERS.get(prefix, prefix)
    bare = _REGION.sub("", model)
    for name in (f"{provider}/{bare}", f"{provider}/{_DATED.sub('', bare)}"):
        if name in catalog.models:
            return name
    return next(
        (
            name
            for name, known in catalog.models.items()
            if known.model == bare and name.startswith(f"{provider}/")
        ),
        None,
    )
