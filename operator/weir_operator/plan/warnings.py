"""What is valid and probably not meant: it serves, and its author is told.

A warning never keeps a resource out of the table.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import cel

from weir_operator.plan.candidate_warnings import candidate_warnings
from weir_operator.plan.check import SPEC, CheckedBackend, candidate_key
from weir_operator.plan.findings import Advice
from weir_operator.plan.gate_warnings import gate_warnings
from weir_operator.plan.promises import Promise
from weir_policy.facts import Facts, rule_values
from weir_policy.reading.resources import RoutePolicy
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import Rule


def backend_warnings(checked: CheckedBackend, oldest: str) -> tuple[Advice, ...]:
    """A model without a price counts as free wherever money is compared or limited.

    `oldest` is the day, as YYYY-MM-DD, before which a catalog's price may have changed.
    """
    warning = checked.price.warning(oldest) if checked.price is not None else None
    return () if warning is None else (warning,)


def policy_warnings(
    policy: RoutePolicy,
    backends: Mapping[tuple[str, str], CheckedBackend],
    promise: Promise | None,
) -> tuple[Advice, ...]:
    """Rules that use a model which can't serve the request, candidates that are of no use, a finish
    gate that loses, and a promise that isn't proven.
    """
    advice = None if promise is None else promise.advice
    return (
        *_rule_warnings(policy, backends),
        *candidate_warnings(policy, backends),
        *gate_warnings(policy, backends),
        *(() if advice is None else (advice,)),
    )


def _rule_warnings(
    policy: RoutePolicy, backends: Mapping[tuple[str, str], CheckedBackend]
) -> Iterator[Advice]:
    keys = {c.backend: candidate_key(policy, c) for c in policy.spec.candidates}
    for index, rule in enumerate(policy.spec.rules):
        checked = backends.get(keys[rule.use]) if rule.use in keys else None
        listed = checked.backend.spec.capabilities if checked is not None else ()
        if not listed:
            continue
        for capability, sample in _NEEDS.items():
            if capability not in listed and _selects(rule, sample):
                message = f"{rule.use} lists no {capability}, which requests of this rule need"
                hint = f"use another candidate, or add {capability} to its capabilities"
                yield Advice((*SPEC, "rules", index, "use"), message, hint)


def _selects(rule: Rule, sample: Facts) -> bool:
    """Whether the rule holds because of what `sample` has: it doesn't hold without it."""
    return _holds(rule, sample) and not _holds(rule, _PLAIN)


def _holds(rule: Rule, facts: Facts) -> bool:
    try:
        return cel.compile(rule.when).execute({"request": rule_values(facts)}) is True
    except (KeyError, ArithmeticError, TypeError, RuntimeError, ValueError):
        return False  # its faults are problems of their own


_PLAIN = Facts("auto", turns=1, messages=1, chars=5, text="hello")
_NEEDS = {
    Capability.TOOLS: dataclasses.replace(_PLAIN, tools=9),
    Capability.VISION: dataclasses.replace(_PLAIN, images=9),
    Capability.JSON_SCHEMA: dataclasses.replace(_PLAIN, json_schema=True),
}
