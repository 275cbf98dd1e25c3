"""Compiles and evaluates CEL, the language of a policy's rules.

Only the facts that a rule names are passed to the library: converting all of them, the prompt
included, costs five times the evaluation.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable
from operator import attrgetter

import cel

from weir_agents.facts import names
from weir_gateway.routing.policy.compiled import RuleFailed
from weir_policy.facts import AGENT, Facts

Getter = Callable[[Facts], object]

_TEXTS = frozenset({"model", "user", "text"})
_WHOLE_AGENT = re.compile(r"\bagent\b(?!\s*\.\s*[A-Za-z_])")
_WHOLE_REQUEST = re.compile(r"\brequest\b(?!\s*\.\s*[A-Za-z_])")


class CelConditions:
    """Compiles rules."""

    def compile(self, when: str) -> "CelCondition":
        """Compile `when`. Raises ValueError with the position if it does not parse."""
        try:
            program = cel.compile(when)
        except UnicodeEncodeError as error:
            raise ValueError("the rule holds a lone surrogate: write valid Unicode") from error
        return CelCondition(program, _getters(when))


class CelCondition:
    """One compiled rule."""

    __slots__ = ("_getters", "_program")

    def __init__(self, program: cel.Program, getters: Iterable[tuple[str, Getter]]) -> None:
        self._program = program
        self._getters = tuple(getters)

    def holds(self, facts: Facts) -> bool:
        """Evaluate. Raises RuleFailed for an evaluation error and a result that is no boolean."""
        request = {name: get(facts) for name, get in self._getters}
        try:
            result: object = self._program.execute({"request": request})
        except Exception as error:  # whatever the library raises, the rule does not hold
            raise RuleFailed(f"{type(error).__name__}: {error}") from error
        if isinstance(result, bool):
            return result
        raise RuleFailed(f"it gave {type(result).__name__}, not a boolean")


def _getters(when: str) -> list[tuple[str, Getter]]:
    """How to read each fact that the rule names."""
    fields = tuple(field.name for field in dataclasses.fields(Facts))
    if not _WHOLE_REQUEST.search(when):
        fields = _named(when, fields)
    return [(name, _agent_getter(when) if name == AGENT else _getter(name)) for name in fields]


def _named(when: str, among: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in among if re.search(rf"\b{name}\b", when))


def _agent_getter(when: str) -> Getter:
    """Reads the agent's facts that the rule names, or all where it names the whole."""
    fields = names()
    whole = _WHOLE_REQUEST.search(when) or _WHOLE_AGENT.search(when)
    wanted = fields if whole else {name: fields[name] for name in _named(when, fields)}
    readers = tuple((name, attrgetter(field)) for name, field in wanted.items())
    return lambda facts: {name: read(facts.agent) for name, read in readers}


def _getter(name: str) -> Getter:
    read = attrgetter(name)
    if name in _TEXTS:
        return lambda facts: _valid(read(facts))
    if name == "headers":
        return lambda facts: {key: _valid(value) for key, value in facts.headers.items()}
    return read


def _valid(text: str) -> str:
    """The text without lone surrogates, which the library rejects."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
