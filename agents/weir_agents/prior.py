"""The weights that no run was needed for: signs and sizes set by hand.

Recorded runs set only the centres, the scales and the steepness, from sources whose licences allow
it; docs/agents.md says what each was measured to be worth.
"""

from typing import Final

from weir_agents.weights import ANY_HARNESS, AgentWeights, Head, Heads, Term

# A run that goes on, by what its results say: errors and no changes are against it.
_WORK_STAGE: Final = Head(
    bias=-0.9,
    terms=(
        Term("trouble", 0.55, 0.15, 0.17),
        Term("stalled", 0.25, 0.25, 0.20),
        Term("changeShare", -0.25, 0.25, 0.17),
        Term("worstRecentError", 0.20, 0.20, 0.30),
        Term("errorStreak", 0.25, 0.10, 0.40),
        Term("failingStreak", 0.25, 0.05, 0.40),
        Term("idleRepeats", 0.15, 0.05, 0.30),
        Term("lastTestsPassed", -0.15, 0.10, 0.30),
    ),
)
# A run that says it is done, by how hard it was: what failed on the way, and how much was written.
# On terminals errors tell most; on SWE-bench what was written does, which a fit finds.
_WORK_FINISH: Final = Head(
    bias=-0.9,
    terms=(
        Term("text", 0.40, 9.50, 0.80),
        Term("trouble", 0.60, 0.18, 0.20),
        Term("muchTrouble", 0.40, 0.00, 0.10),
        Term("turns", 0.10, 3.40, 0.50),
        Term("lastTestsPassed", -0.15, 0.80, 0.40),
        Term("testsPassed", -0.10, 0.80, 0.60),
        Term("unfinished", 0.30, 0.00, 0.50),
    ),
)
_SERVICE_STAGE: Final = Head(
    bias=-0.6,
    terms=(
        Term("trouble", 0.20, 0.02, 0.06),
        Term("results", 0.15, 8.10, 0.90),
        Term("idleRepeats", 0.15, 0.20, 0.50),
        Term("errorStreak", 0.20, 0.05, 0.25),
    ),
)
_SERVICE_FINISH: Final = Head(
    bias=-0.6,
    terms=(
        Term("text", 0.35, 7.40, 1.00),
        Term("turnsSinceUser", 0.25, 1.10, 0.60),
        Term("changes", 0.45, 0.70, 0.65),
        Term("results", 0.20, 7.70, 1.50),
        Term("trouble", 0.10, 0.02, 0.06),
        Term("turns", 0.10, 2.35, 0.55),
        # A run that hands the user over changes nothing that could be wrong.
        Term("handOver", -0.15, 0.30, 0.50),
        Term("userTurns", -0.10, 1.70, 0.50),
        Term("hedging", -0.10, 0.55, 0.65),
    ),
)

PRIOR: Final = AgentWeights(
    harness=ANY_HARNESS,
    work=Heads(stage=_WORK_STAGE, finish=_WORK_FINISH),
    service=Heads(stage=_SERVICE_STAGE, finish=_SERVICE_FINISH),
    date="2026-11-30",
)
