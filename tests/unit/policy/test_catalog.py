"""The price catalog: what is in the package, how files are read, what fills a backend."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.resources import backend
from weir_policy.catalog.catalog import Catalog, CatalogError, packaged, read_catalog
from weir_policy.catalog.resolve import filled, has_price
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import ModelBackend
from weir_policy.spec.backend import Capability, ModelBackendSpec

Json = dict[str, Any]

MODEL: Json = {
    "name": "acme/large",
    "model": "large-v2",
    "contextWindow": 200_000,
    "capabilities": ["tools"],
    "price": {
        "input": "2",
        "output": "8",
        "cachedInput": "0.2",
        "tiers": [{"above": 100_000, "input": "4"}],
    },
    "checked": "2026-11-01",
    "source": "https://acme.example/pricing",
}


def catalog(*models: Json) -> bytes:
    return json.dumps({"format": "weir.dev/catalog/1", "models": list(models)}).encode()


def without_model(**fields: Any) -> Json:
    """A backend whose spec has `fields`, and a model only if they have one."""
    document: Json = backend("strong")
    document["spec"] = {k: v for k, v in document["spec"].items() if k != "model"} | fields
    return document


def spec(**fields: Any) -> ModelBackendSpec:
    document = without_model(**fields)
    read = parse(document)
    assert read.mistakes == ()
    assert isinstance(read.resource, ModelBackend)
    return read.resource.spec


def large() -> Catalog:
    return read_catalog(catalog(MODEL))


def test_the_package_has_models_of_many_providers_with_a_price_and_its_source() -> None:
    models = packaged().models
    providers = {name.partition("/")[0] for name in models}
    wanted = {"openai", "anthropic", "google", "mistral", "deepseek", "xai", "amazon", "groq"}
    assert wanted <= providers
    for model in models.values():
        assert has_price(model.price)
        assert model.price.input is not None
        assert model.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", model.checked)
        cached = model.price.cached_input
        assert cached is None or cached <= model.price.input


def test_the_packages_file_is_as_update_would_write_it() -> None:
    assert read_catalog(packaged().to_json()) == packaged()


def test_a_catalog_fills_what_is_not_written() -> None:
    model = large().models["acme/large"]
    got = filled(spec(catalog="acme/large"), model)
    assert (got.model, got.context_window) == ("large-v2", 200_000)
    assert got.capabilities == (Capability.TOOLS,)
    assert got.price == model.price


def test_what_is_written_beside_a_catalog_stays() -> None:
    written = {"input": "1", "tools": [{"name": "search", "perThousand": "10"}]}
    own = spec(catalog="acme/large", model="mine", contextWindow=9, capabilities=[], price=written)
    got = filled(own, large().models["acme/large"])
    assert (got.model, got.context_window, got.capabilities) == ("mine", 9, ())
    price = got.price
    assert (price.input, price.output, price.cached_input) == (1_000_000, 8_000_000, 200_000)
    assert (len(price.tools), len(price.tiers)) == (1, 1)


def test_a_price_of_zero_is_a_price() -> None:
    assert not has_price(spec(model="a").price)
    assert has_price(spec(model="a", price={"input": "0", "output": "0"}).price)


@pytest.mark.parametrize("fields", [{}, {"model": ""}])
def test_a_backend_needs_a_model_or_a_catalog(fields: Json) -> None:
    document = without_model(**fields)
    (mistake,) = parse(document).mistakes
    assert (mistake.path, mistake.message) == (("spec", "model"), "is required, or write catalog")


def test_of_two_catalogs_the_later_one_counts() -> None:
    newer = {**MODEL, "checked": "2026-12-01"}
    merged = large().merged(read_catalog(catalog(newer, {**MODEL, "name": "acme/small"})))
    assert sorted(merged.models) == ["acme/large", "acme/small"]
    assert merged.models["acme/large"].checked == "2026-12-01"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[", "not JSON"),
        (b"[]", "must be a mapping"),
        (b'{"models":[]}', "format: is required"),
        (catalog({**MODEL, "price": {"input": "much"}}), "models[0].price.input: must be a quoted"),
        (catalog({**MODEL, "prise": {}}), "models[0].prise: unknown field"),
        (catalog({**MODEL, "checked": "today"}), "models[0].checked: must be a date"),
        (catalog(MODEL, MODEL), "acme/large is listed twice"),
        (
            catalog({**MODEL, "price": {"serviceTiers": [{"name": "a"}]}}),
            "models[0].price.serviceTiers[0]: write either factor or prices",
        ),
    ],
)
def test_a_file_with_a_mistake_says_where(data: bytes, message: str) -> None:
    with pytest.raises(CatalogError, match=re.escape(message)):
        read_catalog(data)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_anything_else_is_no_catalog_and_no_other_error(data: bytes) -> None:
    with pytest.raises(CatalogError):
        read_catalog(data)
