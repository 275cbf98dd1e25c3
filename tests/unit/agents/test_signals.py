"""What a result says of itself: errors, how bad, and how tests ended."""

import pytest

from weir_agents.reports import Outcome
from weir_agents.signals import Flag, Severity, signal
from weir_agents.tool_kind import ToolKind

SHELL, READ, SEARCH, TEST = ToolKind.SHELL, ToolKind.READ, ToolKind.SEARCH, ToolKind.TEST
GOOD = False  # the flag of a client that says so
TRACE = "Traceback (most recent call last):\n  File 'a'\nValueError: no"


@pytest.mark.parametrize(
    ("text", "kind", "flag", "expected"),
    [
        ("ok", SHELL, None, Severity.NONE),
        ("", SHELL, None, Severity.NONE),
        (TRACE, SHELL, None, Severity.ERROR),
        (f"starting\n{TRACE}", SHELL, None, Severity.ERROR),
        (f"a.log\n{TRACE}", READ, None, Severity.NONE),
        ("Error: no such file", READ, None, Severity.ERROR),
        ("<tool_use_error>File has not been read yet", ToolKind.EDIT, None, Severity.ERROR),
        ('{"error": "no such user"}', ToolKind.OTHER, None, Severity.ERROR),
        ('{"error": null, "user": 1}', ToolKind.OTHER, None, Severity.NONE),
        ('{"success": false}', ToolKind.OTHER, None, Severity.ERROR),
        ("errors are listed below: none", SHELL, None, Severity.NONE),
        ("<returncode>2</returncode>\n<output>\nusage: a</output>", SHELL, None, Severity.FAILED),
        ("<returncode>0</returncode>\n<output>\nError: kept", SHELL, None, Severity.NONE),
        (f"<returncode>0</returncode>\n{TRACE}", SHELL, None, Severity.FAILED),
        ("<returncode>1</returncode>\n<output>\n</output>", SEARCH, None, Severity.NONE),
        ("grep: x: No such file or directory\nExit code: 1", SEARCH, None, Severity.ERROR),
        ("Exit code 3", SHELL, True, Severity.ERROR),
        ("all good", SHELL, True, Severity.ERROR),
        (TRACE, SHELL, False, Severity.FAILED),
        ("Process exited with code 137", SHELL, None, Severity.CRASH),
        ("Killed\nexit code: 137", SHELL, None, Severity.CRASH),
        ("Error: command timed out after 2m", SHELL, True, Severity.CRASH),
        (
            '{"output":"x","metadata":{"exit_code":2,"duration_seconds":1}}',
            SHELL,
            None,
            Severity.FAILED,
        ),
        ("Please always provide EXACTLY ONE action", SHELL, None, Severity.ERROR),
        ("exit code 99999999999999999999", SHELL, None, Severity.FAILED),
    ],
)
def test_an_error_is_known_by_flag_exit_code_and_words(
    text: str,
    kind: ToolKind,
    flag: Flag,
    expected: Severity,
) -> None:
    assert signal(text, kind, flag).severity is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("===== 3 failed, 2 passed in 1.20s =====", Outcome.FAIL),
        ("===== 5 passed, 1 warning in 0.10s =====", Outcome.PASS),
        ("===== 1 error in 0.13s =====", Outcome.FAIL),
        ("===== no tests ran in 0.01s =====", Outcome.NONE),
        ("FAILED tests/test_a.py::test_b - assert 1 == 2", Outcome.FAIL),
        ("Ran 3 tests in 0.1s\n\nOK", Outcome.PASS),
        ("Ran 3 tests in 0.1s\n\nFAILED (failures=1)", Outcome.FAIL),
        ("test result: ok. 7 passed; 0 failed; 0 ignored", Outcome.PASS),
        ("test result: FAILED. 6 passed; 1 failed", Outcome.FAIL),
        ("ok  \tgithub.com/a/b\t0.012s", Outcome.PASS),
        ("ok  \ta/b\t0.1s [no tests to run]", Outcome.NONE),
        ("--- FAIL: TestA (0.00s)\nFAIL\nFAIL\ta/b\t0.012s", Outcome.FAIL),
        ("Tests:       1 failed, 4 passed, 5 total", Outcome.FAIL),
        ("Tests:       5 passed, 5 total", Outcome.PASS),
        ("      Tests  2 failed | 3 passed (5)", Outcome.FAIL),
        ("  12 passing (30ms)", Outcome.PASS),
        ("  12 passing (30ms)\n  1 failing", Outcome.FAIL),
        ("# pass 3\n# fail 0", Outcome.PASS),
        ("Tests run: 5, Failures: 0, Errors: 1, Skipped: 0", Outcome.FAIL),
        ("Tests run: 5, Failures: 0, Errors: 0, Skipped: 0", Outcome.PASS),
        ("5 tests completed, 2 failed", Outcome.FAIL),
        ("9 examples, 0 failures", Outcome.PASS),
        ("9 examples, 2 failures", Outcome.FAIL),
        ("OK (5 tests, 9 assertions)", Outcome.PASS),
        ("Passed!  - Failed:     0, Passed:     9", Outcome.PASS),
        ("Failed!  - Failed:     2, Passed:     7", Outcome.FAIL),
        ("100% tests passed, 0 tests failed out of 4", Outcome.PASS),
        ("75% tests passed, 1 tests failed out of 4", Outcome.FAIL),
        ("2 failed\n3 passed", Outcome.FAIL),
        ("we passed the station in 3 minutes", Outcome.NONE),
        ("status: OK", Outcome.NONE),
    ],
)
def test_reports_of_common_runners_are_known(text: str, expected: Outcome) -> None:
    assert signal(text, TEST, None).tests is expected
    assert signal(f"{'x' * 500}\n{text}\n", SHELL, None).tests is expected
    assert signal(text, READ, None).tests is Outcome.NONE


def test_a_run_without_a_report_ends_as_its_exit_code_says() -> None:
    assert signal("Exit code: 1", TEST, None).tests is Outcome.FAIL
    assert signal("Exit code: 0", TEST, None).tests is Outcome.PASS
    assert signal("", TEST, GOOD).tests is Outcome.PASS
    assert signal("collected", TEST, None).tests is Outcome.NONE


def test_the_same_error_has_the_same_key_whatever_its_numbers() -> None:
    first = signal("Error: line 10 of a.py took 0.33s at 0x7f00", SHELL, None)
    again = signal("Error: line 12 of a.py took 1.5s at 0x8a11", SHELL, None)
    other = signal("Error: line 10 of b.py took 0.33s at 0x7f00", SHELL, None)
    assert first.error_key == again.error_key != other.error_key
    assert signal("ok", SHELL, None).error_key == 0
