"""Backends with what the price catalog says filled in, and where each price comes from."""

from dataclasses import dataclass, replace
from typing import Final

from weir_operator.plan.findings import PriceOrigin, Problem, Reason
from weir_policy.catalog.catalog import EMPTY, Catalog
from weir_policy.catalog.resolve import catalog_model, filled, has_price
from weir_policy.fields.mistakes import nearest
from weir_policy.reading.resources import ModelBackend


@dataclass(frozen=True, slots=True)
class Prices:
    """What is known of prices beside the resources."""

    catalog: Catalog = EMPTY  # the models that backends may name
    oldest: str = ""  # the day, as YYYY-MM-DD, before which a catalog's price is old


NO_PRICES: Final = Prices()


@dataclass(frozen=True, slots=True)
class PricedBackend:
    """A backend as it is published, with what is wrong with its catalog model."""

    backend: ModelBackend
    problems: tuple[Problem, ...]
    origin: PriceOrigin


def price_backend(backend: ModelBackend, catalog: Catalog) -> PricedBackend:
    """The backend with the catalog model that it names."""
    spec = backend.spec
    known = has_price(spec.price)
    if spec.catalog is None:
        return PricedBackend(backend, (), PriceOrigin(known))
    model = catalog_model(spec, catalog)
    if model is None:
        problem = Problem(
            Reason.NOT_IN_CATALOG,
            ("spec", "catalog"),
            f"the price catalog has no {spec.catalog}",
            nearest(spec.catalog, catalog.models) or "see `weir catalog list`",
        )
        return PricedBackend(backend, (problem,), PriceOrigin(known))
    whole = spec.price.input is not None and spec.price.output is not None
    origin = PriceOrigin(known=True)
    if not whole:
        origin = PriceOrigin(known=True, catalog=model.name, checked=model.checked)
    return PricedBackend(replace(backend, spec=filled(spec, model)), (), origin)
