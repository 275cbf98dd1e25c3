"""What the planner has to say of a resource: problems, each with a reason from one list.

The reasons are those of the conditions on a cluster; docs/policies.md lists every one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from weir_policy.fields.mistakes import Path, dotted
from weir_policy.reading.resources import ResourceRef

PRICE_DAYS: Final = 180  # after which a catalog's price is old: providers change theirs


class Condition(StrEnum):
    """The conditions that the planner decides."""

    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"


class Reason(StrEnum):
    """Why a condition is as it is."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    INVALID_RULE = "InvalidRule"
    NOT_SUPPORTED = "NotSupported"
    NOT_IN_CATALOG = "NotInCatalog"
    CONFLICT = "Conflict"
    ENV_NOT_PERMITTED = "EnvNotPermitted"
    ENDPOINT_NOT_PERMITTED = "EndpointNotPermitted"
    RESOLVED_REFS = "ResolvedRefs"
    UNKNOWN_BACKEND = "UnknownBackend"
    BACKEND_NOT_USABLE = "BackendNotUsable"
    REF_NOT_PERMITTED = "RefNotPermitted"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason's name
    SECRET_NOT_READABLE = "SecretNotReadable"  # noqa: S105 - a reason's name
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound"  # noqa: S105 - a reason's name
    SECRET_INVALID = "SecretInvalid"  # noqa: S105 - a reason's name


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says: of which condition, and in which words the documentation explains it."""

    condition: Condition
    doc: str


MEANINGS: dict[Reason, Meaning] = {
    Reason.ACCEPTED: Meaning(Condition.ACCEPTED, "The resource is valid as it stands."),
    Reason.INVALID_SPEC: Meaning(
        Condition.ACCEPTED,
        "The spec holds a mistake that an older definition let through; the message lists each.",
    ),
    Reason.INVALID_RULE: Meaning(
        Condition.ACCEPTED,
        "A rule's `when` is not CEL, uses a name that a request does not have, or is not boolean.",
    ),
    Reason.NOT_SUPPORTED: Meaning(
        Condition.ACCEPTED, "A field, or a router, that this version does not serve."
    ),
    Reason.CONFLICT: Meaning(
        Condition.ACCEPTED,
        "Another policy serves the same model with the same headers. The older one goes first, of "
        "the same age the one whose namespace and name sort first; the message names it.",
    ),
    Reason.ENV_NOT_PERMITTED: Meaning(
        Condition.ACCEPTED,
        "`env`, and `profile` of `auth.aws`, are for files; on a cluster write `secretRef`.",
    ),
    Reason.ENDPOINT_NOT_PERMITTED: Meaning(
        Condition.ACCEPTED,
        "On a cluster the endpoint may not name the loopback, a link-local or a metadata address. "
        "One that is called with the gateway's own identity of a cloud must be that cloud's.",
    ),
    Reason.NOT_IN_CATALOG: Meaning(
        Condition.ACCEPTED,
        "`catalog` names a model that the price catalog of this version does not have.",
    ),
    Reason.RESOLVED_REFS: Meaning(
        Condition.RESOLVED_REFS, "Everything that the resource names is there and usable."
    ),
    Reason.UNKNOWN_BACKEND: Meaning(
        Condition.RESOLVED_REFS, "A candidate names a ModelBackend that is not there."
    ),
    Reason.BACKEND_NOT_USABLE: Meaning(
        Condition.RESOLVED_REFS,
        "A candidate's ModelBackend is there and has problems of its own; see its conditions.",
    ),
    Reason.REF_NOT_PERMITTED: Meaning(
        Condition.RESOLVED_REFS,
        "The ModelBackend is in another namespace and does not list this one in "
        "`allowedNamespaces`.",
    ),
    Reason.SECRET_NOT_FOUND: Meaning(
        Condition.RESOLVED_REFS, "The Secret is not in the ModelBackend's namespace."
    ),
    Reason.SECRET_NOT_READABLE: Meaning(
        Condition.RESOLVED_REFS,
        "The operator's rights do not cover the Secret; the chart's `operator.secrets` grants them "
        "by name.",
    ),
    Reason.SECRET_KEY_NOT_FOUND: Meaning(
        Condition.RESOLVED_REFS, "The Secret has no such key; the message lists those it has."
    ),
    Reason.SECRET_INVALID: Meaning(
        Condition.RESOLVED_REFS,
        "The value cannot be an API key (empty, not one line of ASCII) or a PEM bundle.",
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a resource out of the table."""

    reason: Reason
    path: Path
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """One line for a condition's message."""
        where = f"{dotted(self.path)}: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is valid and probably not meant; it keeps nothing out of the table."""

    path: Path
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """One line for a condition's message."""
        return f"{dotted(self.path)}: {self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition as the planner sees it."""

    condition: Condition
    reason: Reason
    message: str
    holds: bool


@dataclass(frozen=True, slots=True)
class PriceOrigin:
    """Where a backend's price comes from."""

    known: bool  # False: neither the spec nor the catalog has one
    catalog: str = ""  # the catalog model whose prices it has; empty: the spec's own
    checked: str = ""  # when the catalog's price was last read at its source: YYYY-MM-DD

    def warning(self, oldest: str) -> Advice | None:
        """What people should know of the price; None where nothing is wrong with it.

        `oldest` is the day, as YYYY-MM-DD, before which a catalog's price may have changed.
        """
        if not self.known:
            message = "no price: it counts as free in choices, savings, limits and budgets"
            return Advice(("spec", "price"), message, "write what the provider charges, or catalog")
        if self.catalog and self.checked < oldest:
            message = (
                f"the catalog's price of {self.catalog} was last read on {self.checked}, over "
                f"{PRICE_DAYS} days ago"
            )
            return Advice(("spec", "catalog"), message, "compare it with the provider's page")
        return None


class PromiseVerdict(Protocol):
    """Whether a policy's promise is proven on its own traffic."""

    @property
    def holds(self) -> bool: ...
    @property
    def reason(self) -> StrEnum: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """All that is to be said of one resource; without problems it is in the table."""

    ref: ResourceRef
    generation: int
    problems: tuple[Problem, ...]
    uid: str = ""
    warnings: tuple[Advice, ...] = ()
    price: PriceOrigin | None = None  # of a backend
    promise: "PromiseVerdict | None" = None  # of a policy that promises something

    def verdict(self, condition: Condition) -> Verdict:
        """The condition: of several problems the first one's reason, and every one's message."""
        problems = [p for p in self.problems if MEANINGS[p.reason].condition is condition]
        if problems:
            return Verdict(condition, problems[0].reason, _message(problems), holds=False)
        if condition is Condition.RESOLVED_REFS:
            return Verdict(condition, Reason.RESOLVED_REFS, _doc(Reason.RESOLVED_REFS), holds=True)
        warned = f" Warning: {_message(self.warnings)}" if self.warnings else ""
        return Verdict(condition, Reason.ACCEPTED, _doc(Reason.ACCEPTED) + warned, holds=True)


def _doc(reason: Reason) -> str:
    return MEANINGS[reason].doc


MESSAGE_CHARS = 4096  # well under the 32768 that a condition's message may have


def _message(problems: Iterable[Problem | Advice]) -> str:
    text = "; ".join(str(problem) for problem in problems)
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 4] + " ..."
