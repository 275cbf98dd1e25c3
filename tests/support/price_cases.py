"""What ModelBackends refuse and take of prices and of the catalog."""

from support.resource_case import Case
from support.resource_case import backend_case as _backend
from support.resources import REMOVED, Wire, backend, changed

USD = 'must be a quoted amount of USD with at most 6 decimals, like "2.50"'
ONE_OF = "write either factor or prices"
EVERYTHING: Wire = {
    "input": "3",
    "output": "15",
    "cachedInput": "0.30",
    "cacheWrite": "3.75",
    "cacheWrite1h": "6",
    "reasoning": "16",
    "audioInput": "40",
    "audioOutput": "80",
    "imageInput": "5",
    "imageOutput": "30",
    "perRequest": "0.005",
    "batch": {"input": "1.5", "output": "7.5"},
    "tiers": [{"above": 200_000, "input": "6", "cacheWrite1h": "12"}],
    "serviceTiers": [
        {"name": "priority", "factor": "1.75"},
        {"name": "fast", "input": "30", "cacheWrite1h": "60"},
    ],
    "tools": [{"name": "web_search_requests", "perThousand": "10"}],
}

CASES: tuple[Case, ...] = (
    _backend("no-model", "spec.model", REMOVED, "spec.model", "is required, or write catalog"),
    _backend("price-of-images", "spec.price", {"imageInput": "1,5"}, "spec.price.imageInput", USD),
    _backend(
        "tier-without-length",
        "spec.price",
        {"tiers": [{"input": "6"}]},
        "spec.price.tiers[0].above",
        "is required",
        "Required value",
    ),
    _backend(
        "service-tier-of-nothing",
        "spec.price",
        {"serviceTiers": [{"name": "flex"}]},
        "spec.price.serviceTiers[0]",
        ONE_OF,
    ),
    _backend(
        "service-tier-of-both",
        "spec.price",
        {"serviceTiers": [{"name": "flex", "factor": "0.5", "imageOutput": "1"}]},
        "spec.price.serviceTiers[0]",
        ONE_OF,
    ),
    _backend(
        "factor-of-nothing",
        "spec.price",
        {"serviceTiers": [{"name": "flex", "factor": "0.0"}]},
        "spec.price.serviceTiers[0].factor",
        'must be a quoted factor above zero, like "0.5" or "1.75"',
    ),
    _backend(
        "catalog-without-provider",
        "spec.catalog",
        "gpt-4o",
        "spec.catalog",
        "must be a catalog's provider and model, like openai/gpt-5-mini; see weir catalog list",
    ),
)
GOOD: dict[str, Wire] = {
    "every-price": backend(price=EVERYTHING),
    "catalog": backend(catalog="groq/openai/gpt-oss-120b"),
    "catalog-alone": changed(backend(catalog="openai/gpt-4o-mini"), "spec.model", REMOVED),
}
