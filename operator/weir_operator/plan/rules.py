"""Checks a rule's CEL: does it parse, does it use only what a request has, is it boolean?

The names come from weir_policy.facts, which the gateway fills. Rules are also
tried on a few sample requests, because CEL without declared types tells a wrong operand only when
it is run. Pure: the same expression always gives the same faults.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cel

from weir_agents.facts import AgentFacts, camel
from weir_agents.facts import names as agent_names
from weir_policy.facts import AGENT, Facts
from weir_policy.fields.mistakes import nearest

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_FIELD = re.compile(
    r"(?<![.\w])request\s*\.\s*([A-Za-z_]\w*)"
    r"(?:(?<=[.\s]agent)\s*\.\s*([A-Za-z_]\w*)(?!\s*\())?"
)
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
FUNCTIONS = frozenset(
    {
        *("all", "bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "exists"),
        *("exists_one", "filter", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds"),
        *("has", "int", "map", "matches", "max", "min", "size", "startsWith", "string"),
        *("timestamp", "type", "uint"),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression, and where in it (1-based) if that is known."""

    message: str
    hint: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """The message, with the place in front."""
        return f"{self.line}:{self.column}: {self.message}" if self.line else self.message


@functools.lru_cache(maxsize=8192)  # a recompile of everything meets the same rules again
def faults(expression: str) -> tuple[Fault, ...]:
    """Every fault of the expression; empty where it is good."""
    try:
        program = cel.compile(expression)
    except ValueError as error:
        return (_syntax(str(error)),)
    names = tuple(_unknown_names(expression, program))
    return names or tuple(_run_faults(program))


def _syntax(text: str) -> Fault:
    found = _ERROR.search(text)
    if found is None:
        return Fault("is not CEL", "nest it less, or see the rules' section of docs/policies.md")
    message = re.sub(r" expecting \{.*", "", found[3])
    return Fault(f"is not CEL: {message}", "", int(found[1]), int(found[2]))


def _unknown_names(expression: str, program: cel.Program) -> Iterator[Fault]:
    bare = _STRING.sub(lambda match: "'" + " " * (len(match[0]) - 2) + "'", expression)
    bound = set(_MACRO_VARIABLE.findall(bare))
    for name in program.variables():
        if name != "request" and name not in bound:
            yield _named(bare, name, "variable", "a rule sees only `request`")
    for name in program.functions():
        if re.fullmatch(r"[A-Za-z]\w*", name) and name not in FUNCTIONS:
            hint = nearest(name, FUNCTIONS) or "docs/policies.md lists those there are"
            yield _named(bare, name, "function", hint)
    for match in _FIELD.finditer(bare):
        if match[1] not in fact_names():
            message = f"a request has no {match[1]}"
            yield _at(bare, match.start(1), message, nearest(match[1], fact_names()))
        elif match[2] is not None and match[2] not in agent_fact_names():
            message = f"request.agent has no {match[2]}"
            yield _at(bare, match.start(2), message, nearest(match[2], agent_fact_names()))


def _named(bare: str, name: str, what: str, hint: str) -> Fault:
    found = re.search(rf"(?<![.\w]){re.escape(name)}\b|\.\s*{re.escape(name)}\b", bare)
    offset = found.end() - len(name) if found else 0
    line, column = _place(bare, offset)
    return Fault(f"there is no {what} {name}", hint, line, column)


def _at(bare: str, offset: int, message: str, hint: str) -> Fault:
    line, column = _place(bare, offset)
    return Fault(message, hint, line, column)


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _run_faults(program: cel.Program) -> Iterator[Fault]:
    for sample in _samples():
        try:
            result = program.execute(sample)
        except (KeyError, ArithmeticError):  # for want of a header, or over zero: it doesn't hold
            continue
        except TypeError:
            yield Fault(
                "compares or combines values of different types",
                "write 1.0 for a decimal and 'text' in quotes",
            )
            return
        except (RuntimeError, ValueError) as error:
            yield Fault(
                " ".join(str(error).split()).removesuffix(
                    "Check function arguments and their types."
                )
            )
            return
        if not isinstance(result, bool):
            yield Fault("is not true or false", "compare it: request.tools > 0")
            return


@functools.cache
def fact_names() -> tuple[str, ...]:
    """What `request.` may be followed by."""
    return tuple(field.name for field in dataclasses.fields(Facts))


@functools.cache
def agent_fact_names() -> tuple[str, ...]:
    """What `request.agent.` may be followed by."""
    return tuple(agent_names())


@functools.cache
def _samples() -> tuple[cel.Context, ...]:
    """Requests with nothing in them, with a little, and with a lot, as a rule would see them."""
    return tuple(
        cel.Context(variables={"request": _sample(number, text, flag=flag)})
        for number, text, flag in (
            (0, "", False),
            (1, "a", True),
            (7, "hello", False),
            (10**6, "b", True),
        )
    )


def _sample(number: int, text: str, *, flag: bool) -> Mapping[str, object]:
    kinds: dict[object, object] = {int: number, float: float(number), str: text, bool: flag}
    agent = {camel(each.name): kinds[type(each.default)] for each in dataclasses.fields(AgentFacts)}
    facts = {
        each.name: kinds.get(each.type, {"x-sample": text}) for each in dataclasses.fields(Facts)
    }
    return {**facts, AGENT: agent}
