"""Whether a text is the report of a run of tests, and how that ended."""

import re
from enum import StrEnum
from typing import Final


class Tests(StrEnum):
    """How a run of tests ended."""

    NONE = "none"  # no tests ran
    PASS = "pass"  # noqa: S105 - an outcome, no password
    FAIL = "fail"


# A word that must be there, and what then tells a failure and a success. The first row that finds
# either decides.
_REPORTS: Final = tuple(
    (mark, re.compile(failed, re.MULTILINE), re.compile(passed, re.MULTILINE))
    for mark, failed, passed in (
        # pytest
        (
            " in ",
            r"\b[1-9]\d* (?:failed|errors?)\b[^\n]* in \d",
            r"\b[1-9]\d* passed\b[^\n]* in \d",
        ),
        ("FAILED ", r"^FAILED \S+\.py", r"(?!)"),
        # unittest, Django
        ("Ran ", r"^FAILED \((?:failures|errors)", r"^Ran [1-9]\d* tests?[\s\S]{0,200}^OK\b"),
        # cargo
        ("test result: ", r"test result: FAILED", r"test result: ok\. [1-9]\d* passed"),
        # Go
        ("--- FAIL", r"^\s*--- FAIL: ", r"(?!)"),
        ("FAIL\t", r"^FAIL\t\S+", r"(?!)"),
        ("ok  \t", r"(?!)", r"^ok  \t\S+\t(?!.*no tests)"),
        # jest, vitest
        (
            "Tests",
            r"^\s*Tests:?\s+[^\n]*\b[1-9]\d* failed",
            r"^\s*Tests:?\s+[^\n]*\b[1-9]\d* passed",
        ),
        # mocha, node
        ("passing", r"^\s*[1-9]\d* failing", r"^\s*[1-9]\d* passing"),
        ("failing", r"^\s*[1-9]\d* failing", r"(?!)"),
        ("# fail ", r"^# fail [1-9]", r"^# fail 0"),
        # Maven, Gradle
        (
            "Tests run: ",
            r"Tests run: \d+, (?:Failures: [1-9]|Failures: \d+, Errors: [1-9])",
            r"Tests run: [1-9]\d*, Failures: 0, Errors: 0",
        ),
        ("tests completed, ", r"\d+ tests completed, [1-9]\d* failed", r"(?!)"),
        # rspec
        (" examples, ", r"\d+ examples?, [1-9]\d* failures?", r"[1-9]\d* examples?, 0 failures"),
        # PHPUnit
        ("OK (", r"(?!)", r"^OK \([1-9]\d* tests?"),
        ("FAILURES!", r"FAILURES!", r"(?!)"),
        # .NET
        ("Passed!", r"(?!)", r"Passed!\s+- Failed:\s+0"),
        ("Failed!", r"Failed!\s+- Failed:\s+[1-9]", r"(?!)"),
        # CTest
        ("tests passed", r"\b\d{1,2}% tests passed, [1-9]\d* tests failed", r"100% tests passed"),
        # plain counts, of scripts and of agents' own tools
        ("passed", r"\b[1-9]\d*(?: tests?)? failed\b", r"\b[1-9]\d*(?: tests?)? passed\b"),
        ("failed", r"\b[1-9]\d* tests? failed\b|^tests? failed\b", r"(?!)"),
        ("All tests", r"(?!)", r"\bAll tests (?:have )?pass"),
    )
)


def test_outcome(text: str) -> Tests:
    """How the run of tests that `text` reports ended; NONE where it reports none."""
    for mark, failed, passed in _REPORTS:
        if mark not in text:
            continue
        if failed.search(text):
            return Tests.FAIL
        if passed.search(text):
            return Tests.PASS
    return Tests.NONE


test_outcome.__test__ = False  # type: ignore[attr-defined] # pytest collects what begins with test
