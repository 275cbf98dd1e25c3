"""Settings of deciding for an Envoy that forwards requests itself."""

from dataclasses import dataclass
from enum import StrEnum

from weir_runtime.quantities import Address, Bytes, Duration
from weir_runtime.settings import setting


class Unknown(StrEnum):
    """What becomes of a request that no policy serves, or that can't be read."""

    PASS = "pass"  # noqa: S105 - a choice, no password
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtprocSettings:
    """The external processing server."""

    address: Address | None = setting(
        "WEIR_EXTPROC",
        default=None,
        unit="host:port or unix:///path",
        why="Where an Envoy asks for decisions (ext_proc, gRPC); if not set, nowhere",
    )
    unknown: Unknown = setting(
        "WEIR_EXTPROC_UNKNOWN",
        default="pass",
        unit="pass, refuse",
        why="Whether requests whose `model` no policy serves, or whose body is no JSON, pass "
        "unchanged or get 404 or 400: Envoy may have routes of its own for them",
    )
    model_header: str = setting(
        "WEIR_EXTPROC_MODEL_HEADER",
        default="x-gateway-model-name",
        unit="header",
        why="The request header with the model's name where Envoy sends no bodies; the default "
        "is what the Gateway API's body-based router sets",
    )
    buffer: Bytes = setting(
        "WEIR_EXTPROC_BUFFER",
        default="256MiB",
        unit="size",
        why="Memory for request bodies that wait for their decision, all together; requests "
        "beyond it get 503. One body is bounded by WEIR_MAX_BODY",
    )
    claim: Duration = setting(
        "WEIR_EXTPROC_CLAIM",
        default="5s",
        unit="duration",
        why="How long a decision whose answer was not seen waits for a filter in observability "
        "mode that sees it; then its cost is estimated",
    )
