"""Paths of a provider that need no decision, and the backend that gets them."""

from enum import StrEnum

from weir_policy.fields.composite import ITSELF, List
from weir_policy.fields.formats import BACKEND, LABEL, URL_PATH
from weir_policy.fields.kinds import Choice
from weir_policy.fields.shapes import defaulted, optional, required, shape
from weir_policy.ids import BackendId


class Method(StrEnum):
    """An HTTP method."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@shape
class Passthrough:
    """One path of a provider that clients may call as it is."""

    path: str = required(
        URL_PATH,
        "The path that clients call. A `/*` at its end stands for all that lies below; the "
        "longest path goes first. Weir's own paths can't be passed through.",
    )
    backend: BackendId = required(
        BACKEND, "The ModelBackend whose endpoint gets the calls, with its key."
    )
    namespace: str | None = optional(
        LABEL,
        "Its namespace, if it is another one; that backend must list this policy's namespace in "
        "allowedNamespaces.",
    )
    methods: tuple[Method, ...] = defaulted(
        List(Choice(Method), at_least=1, at_most=5, unique=ITSELF),
        "The methods that are passed through.",
        default=["POST"],
    )
