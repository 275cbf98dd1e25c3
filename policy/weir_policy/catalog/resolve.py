"""Fills a backend from the catalog model that it names; what is written beside it stays."""

from dataclasses import fields, replace
from typing import Any

from weir_policy.catalog.catalog import Catalog
from weir_policy.catalog.entry import CatalogModel
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.price import Price


def catalog_model(spec: ModelBackendSpec, catalog: Catalog) -> CatalogModel | None:
    """The model that the backend names; None where it names none, or one that is not there."""
    return catalog.models.get(spec.catalog) if spec.catalog is not None else None


def filled(spec: ModelBackendSpec, model: CatalogModel) -> ModelBackendSpec:
    """The backend with everything that it leaves open as `model` has it."""
    window, capabilities = spec.context_window, spec.capabilities
    return replace(
        spec,
        model=spec.model or model.model,
        price=_filled_price(spec.price, model.price),
        context_window=model.context_window if window is None else window,
        capabilities=model.capabilities if capabilities is None else capabilities,
    )


def has_price(price: Price) -> bool:
    """Whether anything was said of what the provider charges; 0 is something."""
    return any(getattr(price, field.name) not in {None, ()} for field in fields(price))


def _filled_price(own: Price, model: Price) -> Price:
    written: dict[str, Any] = {
        field.name: value
        for field in fields(own)
        if (value := getattr(own, field.name)) not in {None, ()}
    }
    return replace(model, **written)
