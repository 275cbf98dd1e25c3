"""What RoutePolicies refuse of cascades, judges, exploration, budgets, variants and caches."""

from support.resource_case import Case
from support.resource_case import policy_case as _policy
from support.resources import Wire, policy

DECIMAL = 'must be a quoted decimal from "0" to "1", like "0.62"'
ONE_JUDGE = "name a judge's backend with the router judge, and with no other"
NO_CALIBRATION = "quality needs a router with a calibration: a judge has none"
JUDGE: Wire = {"name": "judge", "judge": {"backend": "judge"}}
QUALITY: Wire = {"quality": {"retention": "95%"}}
VARIANTS: list[Wire] = [
    {"name": "control", "weight": 9},
    {"name": "mf", "weight": 1, "router": {"name": "mf"}, "objective": QUALITY},
]


def _listed(names: list[str]) -> list[Wire]:
    return [{"backend": name} for name in names]


CASES = (
    _policy(
        "exploration-band",
        "spec.exploration",
        {"band": "0.0", "share": "2%", "budget": {"usd": "5", "per": "day"}},
        "spec.exploration.band",
        "must be above 0",
    ),
    Case(
        "exploration-cascade",
        policy(
            exploration={"band": "1", "share": "2%", "budget": {"usd": "5", "per": "day"}},
            cascade={"accept": "0.7"},
        ),
        "spec.exploration",
        "can't be combined with cascade, where the weak answer is tried first in any case",
    ),
    # Cascades and judges
    _policy(
        "cascade-alone",
        "spec",
        {"match": {"models": ["a"]}, "candidates": _listed(["weak"]), "cascade": {"accept": "1"}},
        "spec.cascade",
        "needs a candidate to escalate to: write two or more, weakest first",
    ),
    _policy("accept", "spec.cascade", {"accept": "70%"}, "spec.cascade.accept", DECIMAL),
    _policy(
        "samples",
        "spec.cascade",
        {"accept": "1", "samples": 6},
        "spec.cascade.samples",
        "must be from 1 to 5",
        "should be less than or equal to 5",
    ),
    _policy("judge-unnamed", "spec.router", {"name": "judge"}, "spec.router.judge", ONE_JUDGE),
    _policy(
        "judge-unasked", "spec.router", {"judge": {"backend": "a"}}, "spec.router.judge", ONE_JUDGE
    ),
    Case(
        "judge-quality",
        policy(router=JUDGE, objective=QUALITY),
        "spec.objective",
        f"{NO_CALIBRATION}; write a threshold or a strongShare",
    ),
    Case(
        "judge-variant-quality",
        policy(router=JUDGE, variants=[{"name": "a", "weight": 1, "objective": QUALITY}]),
        "spec.variants",
        f"{NO_CALIBRATION}; name another router in the variant",
    ),
    Case(
        "judge-probes",
        policy(router=JUDGE, probes=[{"prompt": "a", "expect": "weak"}]),
        "spec.probes",
        "can't be decided where a model rates prompts or answers: nothing is sent for a probe",
    ),
    # Budgets, variants, caches
    _policy(
        "budget-of-nothing",
        "spec.objective",
        {"budget": {"usd": "0.00", "per": "day"}},
        "spec.objective.budget.usd",
        "usd must be above zero",
    ),
    Case(
        "variants-of-a-budget",
        policy(objective={"budget": {"usd": "5", "per": "day"}}, variants=VARIANTS),
        "spec.variants",
        "need an objective that is no budget: variants would spend one another's",
    ),
    _policy(
        "variant-with-a-budget",
        "spec.variants",
        [{"name": "a", "weight": 1, "objective": {"budget": {"usd": "5", "per": "day"}}}],
        "spec.variants[0].objective",
        "can't be a budget: variants would spend one another's",
    ),
    _policy(
        "variant-with-a-judge",
        "spec.variants",
        [{"name": "a", "weight": 1, "router": {"name": "judge"}}],
        "spec.variants[0].router",
        "can't be judge or stage: write it as the policy's router, and the others as variants",
    ),
    _policy(
        "variant-twice",
        "spec.variants",
        [VARIANTS[0], VARIANTS[0]],
        "spec.variants[1].name",
        "control is listed twice",
        "Duplicate value",
    ),
    _policy(
        "variant-without-weight",
        "spec.variants",
        [{"name": "a", "weight": 0}],
        "spec.variants[0].weight",
        "must be from 1 to 10000",
        "should be greater than or equal to 1",
    ),
    _policy("cache-of-nothing", "spec.cache", {}, "spec.cache", "write exact, semantic or both"),
    _policy(
        "cache-temperature",
        "spec.cache",
        {"exact": {"ttl": "10m"}, "temperature": "2.5"},
        "spec.cache.temperature",
        'must be a quoted decimal from "0" to "2", like "0.3", or any',
    ),
)

EXPLORATION: Wire = {"band": "0.05", "share": "2%", "budget": {"usd": "5", "per": "day"}}
GOOD: dict[str, Wire] = {
    "exploration": policy(exploration=EXPLORATION),
    "cascade": policy(
        cascade={
            "accept": "0.7",
            "judge": {"backend": "judge", "namespace": "models", "timeout": "1s"},
            "check": "tools",
            "samples": 5,
            "skipAbove": "1",
            "streams": "weak",
            "onJudgeFailure": "accept",
        }
    ),
    "judge-router": policy(router=JUDGE),
    "judge-variants": policy(router=JUDGE, variants=VARIANTS),
    "budget": policy(
        candidates=_listed(["weak", "middle", "strong"]),
        objective={"budget": {"usd": "0.000001", "per": "month", "plan": "even"}},
    ),
    "caches": policy(
        cache={"exact": {"ttl": "10m"}, "semantic": {"ttl": "1h"}, "temperature": "any"}
    ),
    "limits": policy(
        limits={"perKey": {"requestsPerMinute": 1}, "total": {"strongUsdPerDay": "0.01"}}
    ),
}
