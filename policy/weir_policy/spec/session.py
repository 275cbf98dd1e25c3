"""What a RoutePolicy remembers of a conversation: the declaration only."""

from typing import Final

from weir_policy.fields.composite import ITSELF, List
from weir_policy.fields.formats import DURATION, HEADER, WORD
from weir_policy.fields.shapes import Check, defaulted, optional, shape


@shape
class Session:
    "Settings for conversations."

    sticky: float | None = optional(
        DURATION,
        "The longest pause in which a conversation stays on its model while leaving the "
        "provider's warm prompt cache costs more than it gains; see docs/policies.md for the "
        "formula. A conversation is recognised by the header x-weir-session, else by user, "
        "system prompt and first user turn.",
    )
    memory: float = defaulted(
        DURATION,
        "How long after its last request a conversation is remembered: its pins and, with the "
        "router `stage`, which model is at work and what the strong one has cost.",
        default="1h",
    )
    pin: tuple[str, ...] = defaulted(
        List(WORD, at_most=32, unique=ITSELF),
        "Rules that hold for the rest of the conversation once they have held. An earlier rule "
        "that holds still goes first.",
        default=[],
        feature="pins",
    )
    pin_headers: tuple[str, ...] = defaulted(
        List(HEADER, at_most=8, unique=ITSELF),
        "Headers whose last value holds for later requests of the conversation that lack them, "
        "so that rules can read a label which the client sends once.",
        default=[],
        feature="pins",
    )


PIN_CHECKS: Final = (
    Check(
        "!has(self.session) || !has(self.session.pin) || self.session.pin.all(p, "
        "has(self.rules) && self.rules.exists(r, r.name == p))",
        "pin must name rules of this policy",
        "session",
    ),
)
