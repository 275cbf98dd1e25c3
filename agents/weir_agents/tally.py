"""Counts what happens in a conversation, piece by piece."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from weir_agents.facts import MAX_COUNT, AgentFacts
from weir_agents.harness import Marks
from weir_agents.reports import Outcome
from weir_agents.result_tally import ResultTally
from weir_agents.signals import signal
from weir_agents.tool_kind import ToolKind
from weir_agents.tools import Change, read_call
from weir_agents.turns import Call, Result, cut
from weir_agents.wording import NOTHING, wording

_RECENT_TURNS: Final = 5
_STALL_TURNS: Final = 3  # without a change; before that many turns, to look around is no stall
_RECENT_MESSAGES: Final = 3
_LOOKS: Final = frozenset({ToolKind.READ, ToolKind.SEARCH})
_PLANS: Final = frozenset({ToolKind.READ, ToolKind.SEARCH, ToolKind.PLAN, ToolKind.WEB})


class Tally:
    """The running counts of one conversation."""

    def __init__(self) -> None:
        self._kinds = dict.fromkeys(ToolKind, 0)
        self._shell = 0
        self._turns = self._users = self._since_user = 0
        self._calls = self._edit_chars = self._first_edit = 0
        self._argument_chars = self._acts = self._hand_overs = 0
        self._repeated = self._idle = 0
        self._seen: set[int] = set()
        self._seen_since_edit: set[int] = set()
        self._files: set[str] = set()
        self._reads_since_edit = self._tests_since_edit = self._edits_since_failure = 0
        self._stalled = self._changed_turn = 0
        self._production: deque[int] = deque(maxlen=_RECENT_TURNS)  # edits of each turn
        self._looks: deque[int] = deque(maxlen=_RECENT_TURNS)  # reads and searches of each turn
        self._texts: deque[str] = deque(maxlen=_RECENT_MESSAGES)
        self._text_chars = 0
        self._last_calls: Sequence[Call] = ()
        self._submits = False
        self._open: dict[str, ToolKind] = {}  # calls by id that have no result yet
        self._unnamed: deque[ToolKind] = deque()  # calls without an id, in their order
        self._results = ResultTally()

    def user(self) -> None:
        """Count a message that the user wrote."""
        self._users += 1
        self._since_user = 0

    def turn(self, text: str, calls: Sequence[Call], *, detailed: bool) -> None:
        """Count a turn of the model."""
        self._results.close()
        self._turns += 1
        self._since_user += 1
        self._calls += len(calls)
        self._text_chars += len(text)
        self._last_calls = calls
        self._submits = False
        if not detailed:
            return
        self._texts.append(text)
        self._unnamed.clear()
        self._production.append(0)
        self._looks.append(0)
        for call in calls:
            self._count(call)
        self._stalled += self._turns - max(self._changed_turn, 1) >= _STALL_TURNS

    def _count(self, call: Call) -> None:
        kind, by_shell, key, file, made = read_call(call)
        self._kinds[kind] += 1
        self._shell += by_shell
        self._argument_chars += len(call.arguments)
        if call.id:
            self._open[call.id] = kind
        else:
            self._unnamed.append(kind)
        if key in self._seen:
            self._repeated += 1
            self._idle += key in self._seen_since_edit
        else:
            self._seen.add(key)
        self._seen_since_edit.add(key)
        if kind is ToolKind.EDIT:
            self._edited(len(call.arguments), file)
        elif kind in _LOOKS:
            self._looks[-1] += 1
            self._reads_since_edit += 1
        elif kind is ToolKind.SUBMIT:
            self._submits = True
        elif kind is ToolKind.OTHER:
            if made is Change.ACT:
                self._acts += 1
                self._changed_turn = self._turns
            self._hand_overs += made is Change.HAND_OVER

    def _edited(self, chars: int, file: str) -> None:
        self._production[-1] += 1
        self._changed_turn = self._turns
        self._edit_chars += chars
        self._first_edit = self._first_edit or self._turns
        self._seen_since_edit.clear()
        self._reads_since_edit = self._tests_since_edit = 0
        self._edits_since_failure += 1
        if file:
            self._files.add(file)

    def result(self, result: Result, *, detailed: bool) -> None:
        """Count what a tool gave back."""
        chars = len(result.text) if result.chars < 0 else result.chars
        if not detailed:
            self._results.skip(chars, failed=bool(result.error))
            return
        kind = self._answered(result.call_id)
        read = signal(cut(result.text), kind, result.error)
        self._results.add(read, kind, chars)
        if read.tests is not Outcome.NONE:
            self._tests_since_edit += 1
        if read.severity or read.tests is Outcome.FAIL:
            self._edits_since_failure = 0

    def _answered(self, call_id: str) -> ToolKind:
        """The kind of the call that a result answers; OTHER where none is known."""
        kind = self._open.pop(call_id, None) if call_id else None
        if kind is None and self._unnamed:
            kind = self._unnamed.popleft()
        return kind or ToolKind.OTHER

    def facts(self, marks: Marks, *, tokens: int, compacted: bool) -> AgentFacts:
        """The counts so far."""
        kinds = self._kinds
        planned = sum(kinds[kind] for kind in _PLANS)
        return AgentFacts(
            turns=self._turns,
            user_turns=self._users,
            turns_since_user=self._since_user,
            tokens=min(tokens, MAX_COUNT),
            compacted=compacted,
            calls=self._calls,
            argument_chars=min(self._argument_chars, MAX_COUNT),
            repeated_calls=self._repeated,
            idle_repeats=self._idle,
            tests_since_edit=self._tests_since_edit,
            edits=kinds[ToolKind.EDIT],
            edit_chars=min(self._edit_chars, MAX_COUNT),
            edited_files=len(self._files),
            first_edit_turn=self._first_edit,
            edits_since_failure=self._edits_since_failure,
            stalled=self._stalled,
            production=sum(self._production),
            reads=kinds[ToolKind.READ],
            recent_reads=sum(self._looks),
            reads_since_edit=self._reads_since_edit,
            searches=kinds[ToolKind.SEARCH],
            shell_calls=self._shell,
            web_calls=kinds[ToolKind.WEB],
            plans=kinds[ToolKind.PLAN],
            tasks=kinds[ToolKind.TASK],
            other_calls=kinds[ToolKind.OTHER],
            acts=self._acts,
            hand_overs=self._hand_overs,
            planning=0 < planned == self._calls,
            subagent=marks.subagent,
            harness=marks.harness,
            **self._results.fields(),
            **self._words(),
        )

    def _words(self) -> dict[str, Any]:
        """What the model says, by the facts' names."""
        texts = [wording(text) for text in self._texts]
        last = texts[-1] if texts else NOTHING
        stopped = self._turns > 0 and not self._last_calls
        return {
            "text_chars": min(self._text_chars, MAX_COUNT),
            "last_text_chars": len(self._texts[-1]) if self._texts else 0,
            "recent_text_chars": sum(map(len, self._texts)),
            "hedging": sum(each.doubts for each in texts),
            "asks": last.asks,
            "claims_tests": last.claims_tests,
            "stopped": stopped,
            "done": self._submits or (stopped and last.done),
        }
