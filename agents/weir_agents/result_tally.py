"""Counts what a conversation's results say."""

from collections import deque
from typing import Any, Final

from weir_agents.facts import MAX_COUNT
from weir_agents.reports import Outcome
from weir_agents.signals import Severity, Signal
from weir_agents.tool_kind import ToolKind

_RECENT_RESULTS: Final = 3


class ResultTally:
    """The running counts of the results."""

    def __init__(self) -> None:
        self.count = self.chars = self.last_chars = self.empty = 0
        self.errors = self.streak = self.same = self.failed_edits = 0
        self.last_error = False
        self.recent: deque[Severity] = deque(maxlen=_RECENT_RESULTS)
        self.trouble = 0
        self.tests_passed = self.tests_failed = self.failing_streak = 0
        self.last_tests = Outcome.NONE
        self.settled = 0
        self._errors_seen: dict[int, int] = {}
        self._open = False  # results of the last turn have come
        self._failed = False  # and one of them is an error or a failing test

    def close(self) -> None:
        """End the results of one turn."""
        if self._open:
            self.settled = 0 if self._failed else self.settled + 1
            self.trouble += max(self.recent, default=Severity.NONE)
            self._open = self._failed = False

    def skip(self, chars: int, *, failed: bool) -> None:
        """Count a result without reading it."""
        self.count += 1
        self.chars += chars
        self.errors += failed

    def add(self, read: Signal, kind: ToolKind, chars: int) -> None:
        """Count a result."""
        self.count += 1
        self.chars += chars
        self.last_chars = chars
        self.empty += chars == 0
        self.recent.append(read.severity)
        self.last_error = bool(read.severity) or (self._open and self.last_error)
        self._open = True
        if read.severity:
            self._add_error(read, kind)
        else:
            self.streak = self.same = 0
        if read.tests is not Outcome.NONE:
            self._add_tests(read.tests)

    def _add_error(self, read: Signal, kind: ToolKind) -> None:
        self._failed = True
        self.errors += 1
        self.streak += 1
        self.failed_edits += kind is ToolKind.EDIT
        self.same = self._errors_seen.get(read.error_key, 0)
        self._errors_seen[read.error_key] = self.same + 1

    def _add_tests(self, tests: Outcome) -> None:
        self.last_tests = tests
        if tests is Outcome.FAIL:
            self._failed = True
            self.tests_failed += 1
            self.failing_streak += 1
        else:
            self.tests_passed += 1
            self.failing_streak = 0

    def fields(self) -> dict[str, Any]:
        """The counts so far, by the facts' names."""
        self.close()
        return {
            "results": self.count,
            "result_chars": min(self.chars, MAX_COUNT),
            "last_result_chars": min(self.last_chars, MAX_COUNT),
            "empty_results": self.empty,
            "errors": self.errors,
            "last_error": self.last_error,
            "error_streak": self.streak,
            "same_error": self.same,
            "recent_errors": sum(each > 0 for each in self.recent),
            "worst_recent_error": int(max(self.recent, default=Severity.NONE)),
            "trouble": self.trouble,
            "tests_run": self.tests_passed + self.tests_failed,
            "tests_passed": self.tests_passed,
            "tests_failed": self.tests_failed,
            "last_tests": self.last_tests.value,
            "failing_streak": self.failing_streak,
            "failed_edits": self.failed_edits,
            "settled": self.settled,
        }
