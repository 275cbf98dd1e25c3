"""How a catalog is written: the shape of its file and of one model in it."""

from enum import StrEnum

from weir_policy.fields.composite import ITSELF, List, Object
from weir_policy.fields.formats import CATALOG_NAME, ENDPOINT, text
from weir_policy.fields.kinds import Choice, Text
from weir_policy.fields.shapes import defaulted, optional, required, shape
from weir_policy.spec.backend import Capability
from weir_policy.spec.limits import COUNT
from weir_policy.spec.price import Price


class Format(StrEnum):
    """The forms of a catalog's file that this version reads."""

    FIRST = "weir.dev/catalog/1"


DATE = Text(
    word="date",
    convert=str,
    max_length=10,
    pattern=r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    message="must be a date, like 2026-11-30",
)


@shape
class CatalogModel:
    """One model of one provider."""

    name: str = required(CATALOG_NAME, "What a ModelBackend writes: `provider/model`.")
    model: str = required(text("model id", 253), "The provider's id for the model.")
    context_window: int | None = optional(COUNT, "Tokens of prompt and answer together.")
    max_output: int | None = optional(COUNT, "Tokens of an answer at most.")
    capabilities: tuple[Capability, ...] | None = optional(
        List(Choice(Capability), at_most=8, unique=ITSELF), "What the model can do."
    )
    price: Price = required(Object(Price), "What the provider charges.")
    checked: str = required(DATE, "When the price was last read at its source.")
    source: str = required(ENDPOINT, "The provider's own page with the price.")


@shape
class CatalogFile:
    """A catalog as a JSON file."""

    format: Format = required(Choice(Format), "The form of the file.")
    models: tuple[CatalogModel, ...] = defaulted(
        List(Object(CatalogModel), at_most=10_000, unique="name"), "The models.", default=[]
    )
