"""Whether a text is the report of a run of tests, and how that ended."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How a run of tests ended."""

    NONE = "none"  # no tests ran
    PASS = "pass"  # noqa: S105 - an outcome, no password
    FAIL = "fail"


_NEVER: Final = r"(?!)"
_MOST_LINES: Final = 4  # with a mark that are read, from the end: there stands the summary
_LINE_CHARS: Final = 300
# A mark in a line, and what in that line then tells a failure and a success. The first row that
# finds either decides.
_REPORTS: Final = tuple(
    (mark, re.compile(failed), re.compile(passed))
    for mark, failed, passed in (
        # pytest
        (" failed", r"\b[1-9]\d* failed\b.* in \d", _NEVER),
        (" error", r"\b[1-9]\d* errors?\b.* in \d", _NEVER),
        (" passed", _NEVER, r"\b[1-9]\d* passed\b.* in \d"),
        ("FAILED ", r"^FAILED (?:\S+\.py|\((?:failures|errors))", _NEVER),
        # unittest, Django: a failure has the row above
        ("Ran ", _NEVER, r"^Ran [1-9]\d* tests? in \d"),
        # cargo
        ("test result: ", r"test result: FAILED", r"test result: ok\. [1-9]\d* passed"),
        # Go
        ("--- FAIL", r"^\s*--- FAIL: ", _NEVER),
        ("FAIL\t", r"^FAIL\t\S+", _NEVER),
        ("ok  \t", _NEVER, r"^ok  \t\S+\t(?!.*no tests)"),
        # jest, vitest
        ("Tests", r"^\s*Tests:?\s.*\b[1-9]\d* failed", r"^\s*Tests:?\s.*\b[1-9]\d* passed"),
        # mocha, node
        (" failing", r"^\s*[1-9]\d* failing", _NEVER),
        (" passing", _NEVER, r"^\s*[1-9]\d* passing"),
        ("# fail ", r"^# fail [1-9]", r"^# fail 0"),
        # Maven, Gradle
        (
            "Tests run: ",
            r"Tests run: \d+, (?:Failures: [1-9]|Failures: \d+, Errors: [1-9])",
            r"Tests run: [1-9]\d*, Failures: 0, Errors: 0",
        ),
        ("tests completed, ", r"\d+ tests completed, [1-9]\d* failed", _NEVER),
        # rspec
        (" example", r"\d+ examples?, [1-9]\d* failures?", r"[1-9]\d* examples?, 0 failures"),
        # PHPUnit
        ("OK (", _NEVER, r"^OK \([1-9]\d* tests?"),
        ("FAILURES!", r"FAILURES!", _NEVER),
        # .NET
        ("Passed!", _NEVER, r"Passed!\s+- Failed:\s+0"),
        ("Failed!", r"Failed!\s+- Failed:\s+[1-9]", _NEVER),
        # CTest
        ("tests passed", r"\b\d{1,2}% tests passed, [1-9]\d* tests", r"100% tests passed"),
        # plain counts, of scripts and of agents' own tools
        (" failed", r"\b[1-9]\d*(?: tests?)? failed\b", _NEVER),
        (" passed", _NEVER, r"\b[1-9]\d*(?: tests?)? passed\b"),
        ("All tests", _NEVER, r"\bAll tests (?:have )?pass"),
    )
)


def outcome_of(text: str) -> Outcome:
    """How the run of tests that `text` reports ended; NONE where it reports none."""
    for mark, failed, passed in _REPORTS:
        if mark in text:
            for line in _lines(text, mark):
                if failed.search(line):
                    return Outcome.FAIL
                if passed.search(line):
                    return Outcome.PASS
    return Outcome.NONE


def _lines(text: str, mark: str) -> Iterator[str]:
    """The last lines with the mark."""
    end = len(text)
    for _ in range(_MOST_LINES):
        at = text.rfind(mark, 0, end)
        if at < 0:
            return
        start = text.rfind("\n", 0, at) + 1
        stop = text.find("\n", at)
        yield text[max(start, at - _LINE_CHARS) : at + _LINE_CHARS if stop < 0 else stop]
        end = start
