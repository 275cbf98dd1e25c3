"""What a result says of itself: an error, how bad it is, tests that ran.

A tool's text is written by others, and may say "error" a thousand times to get a stronger model:
one result is one error at most, and `Severity` has four steps.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from weir_agents.reports import Outcome, outcome_of
from weir_agents.tool_kind import ToolKind

Flag = bool | None  # whether the client marks a result as an error; None: it gives no mark

_REMEMBERED: Final = 8192  # results whose signal is remembered: agents send their history again


class Severity(IntEnum):
    """How bad a result is."""

    NONE = 0
    FAILED = 1  # a command that ended with an exit code, and nothing worse
    ERROR = 2
    CRASH = 3  # out of memory, killed, timed out, no permission


class Signal(NamedTuple):
    """What one result says."""

    severity: Severity
    tests: Outcome
    error_key: int  # equal for the same error with other numbers in it; 0: no error


_EXIT: Final = re.compile(
    r"<(?:returncode|exit_code)>\s*(-?\d+)"
    r"|\b[Ee]xit(?:ed)?(?:[ _]with)?[ _](?:code|status)[\"']?[:= ]+(-?\d+)"
    r"|\"(?:exit_code|exitCode|returncode)\"\s*:\s*(-?\d+)"
)
_BEGINS: Final = re.compile(
    r"\s*(?:<(?:tool_use_error|error|stderr>\s*error)|\{\s*\"(?:error|errors|isError)\"\s*:\s*+(?!null|false|\[\]|\"\")"
    r"|\{\s*\"(?:success|ok)\"\s*:\s*false|\{\s*\"status\"\s*:\s*\"(?:error|failed|failure)\""
    r"|(?:\[?(?:[A-Z]\w*)?(?:Error|Exception|ERROR)\]?(?:\s*\(\w+\))?\s*:|error(?:\[\w+\])?:|fatal:|panic:"
    r"|Traceback \(most recent call last\)|[Ff]ailed to |FAILED\b|Failure:|Invalid |No such file"
    r"|Unknown (?:tool|command|function)|Command failed|apply_patch verification failed"
    r"|String to replace not found|No replacement was performed|Found \d+ matches of the string"
    r"|File (?:has not been read|does not exist)|Could not |Cannot |Unable to |Permission denied"
    r"|Access denied|Request failed|InputValidationError|# The SEARCH/REPLACE blocks? failed"
    r"|Please always provide EXACTLY ONE action|The last command <command>|\[ERROR\]))"
)
_SPOKEN: Final = (
    "Traceback (most recent call last)",
    "command not found",
    "No such file or directory",
    "SyntaxError:",
    "ModuleNotFoundError:",
    "ImportError:",
    "error: could not compile",
    "fatal error:",
    "npm ERR!",
    "npm error",
    "panicked at",
    "panic: ",
    "Segmentation fault",
    "BUILD FAILED",
    "undefined reference to",
    "Unhandled exception",
    "Uncaught ",
    "Error: Cannot find module",
    "cannot find symbol",
    "is not recognized as an internal or external command",
)
_CRASH: Final = (
    "MemoryError",
    "Out of memory",
    "OutOfMemory",
    "out of memory",
    "Killed\n",
    "timed out",
    "TimeoutExpired",
    "Timeout exceeded",
    "No space left on device",
    "Permission denied",
    "Segmentation fault",
    "core dumped",
)
_MOST_DIGITS: Final = 6  # of an exit code
_CRASH_CODES: Final = frozenset({-9, -11, 124, 134, 137, 139})
_LONGEST_BLAMED: Final = 400  # characters of an error that tell it from another
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
_BLAME: Final = re.compile(
    r"^.*(?:Error|error|Exception|FAILED|fatal|failed|not found).*$", re.MULTILINE
)


@lru_cache(maxsize=_REMEMBERED)
def signal(text: str, kind: ToolKind, flag: Flag) -> Signal:
    """What a result says, by its text, what the call did, and the client's flag if it gives one."""
    tests = Outcome.NONE if kind in _QUOTING else outcome_of(text)
    code = _exit_code(text)
    severity = _severity(text, kind, flag, code)
    if tests is Outcome.NONE and kind is ToolKind.TEST:
        tests = _by_its_end(severity, ended_well=code == 0 or flag is False)
    elif tests is Outcome.FAIL and severity is Severity.NONE and code is None and flag is None:
        severity = Severity.FAILED
    return Signal(severity, tests, _key(text) if severity else 0)


_QUOTING: Final = frozenset({ToolKind.READ, ToolKind.SEARCH, ToolKind.WEB})
_NOTHING_FOUND: Final = 1  # the exit code of a search without a hit


def _severity(text: str, kind: ToolKind, flag: Flag, code: int | None) -> Severity:
    quoted = kind in _QUOTING
    if flag is None and code is None:
        if not _BEGINS.match(text) and (quoted or not _mentions(text, _SPOKEN)):
            return Severity.NONE
    elif not flag and not code:  # good by its own account; a pipe's last command hides the others
        spoken = not quoted and _mentions(text, _SPOKEN)
        return Severity.FAILED if spoken else Severity.NONE
    elif code == _NOTHING_FOUND and kind is ToolKind.SEARCH and not flag:
        return Severity.ERROR if _mentions(text, _SPOKEN) else Severity.NONE
    if code in _CRASH_CODES or (not quoted and _mentions(text, _CRASH)):
        return Severity.CRASH
    if flag or code is None or _BEGINS.match(text) or _mentions(text, _SPOKEN):
        return Severity.ERROR
    return Severity.FAILED


def _by_its_end(severity: Severity, *, ended_well: bool) -> Outcome:
    """How a run of tests without a report ended."""
    if severity is not Severity.NONE:
        return Outcome.FAIL
    return Outcome.PASS if ended_well else Outcome.NONE


def _exit_code(text: str) -> int | None:
    if "xit" not in text and "returncode" not in text:
        return None
    found = _EXIT.search(text)
    if found is None:
        return None
    return int(next(filter(None, found.groups()))[:_MOST_DIGITS])


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _key(text: str) -> int:
    """Equal for an error that comes again with other numbers: times, lines, addresses."""
    found = _BLAME.search(text)
    blamed = text[found.start() :] if found else text.lstrip()
    return hash(_NUMBERS.sub("0", blamed[:_LONGEST_BLAMED])) or 1
