"""What RoutePolicies refuse of the router `stage` and of pins."""

from support.resource_case import Case
from support.resource_case import policy_case as _policy
from support.resources import Wire, policy

STAGE: Wire = {"name": "stage"}
QUALITY: Wire = {"quality": {"retention": "95%"}}
RULE: Wire = {"name": "hard", "when": "request.tools > 3", "use": "strong"}

CASES = (
    _policy(
        "stage-settings-of-another-router",
        "spec.router",
        {"name": "linear", "stage": {}},
        "spec.router.stage",
        "is for the router stage: write name: stage",
    ),
    Case(
        "stage-quality",
        policy(router=STAGE, objective=QUALITY),
        "spec.objective",
        "the router stage needs a threshold or a strongShare: nothing certifies a quality of its "
        "turns, and maxStrongUsd is its ceiling of cost",
    ),
    Case(
        "stage-budget",
        policy(router=STAGE, objective={"budget": {"usd": "5", "per": "day"}}),
        "spec.objective",
        "the router stage needs a threshold or a strongShare: nothing certifies a quality of its "
        "turns, and maxStrongUsd is its ceiling of cost",
    ),
    Case(
        "stage-variant-quality",
        policy(router=STAGE, variants=[{"name": "a", "weight": 1, "objective": QUALITY}]),
        "spec.variants",
        "the router stage needs a threshold or a strongShare; name another router in the variant",
    ),
    Case(
        "stage-cascade",
        policy(router=STAGE, cascade={"accept": "0.7"}),
        "spec.cascade",
        "can't be combined with the router stage, which would pay for both models at every turn",
    ),
    Case(
        "stage-exploration",
        policy(
            router=STAGE,
            exploration={"band": "1", "share": "2%", "budget": {"usd": "5", "per": "day"}},
        ),
        "spec.exploration",
        "can't be combined with the router stage: write its swapShare",
    ),
    Case(
        "stage-sticky",
        policy(router=STAGE, session={"sticky": "10m"}),
        "spec.session",
        "sticky can't be combined with the router stage, which counts the price of a cold prompt "
        "cache itself",
    ),
    _policy(
        "stage-settled-turns",
        "spec.router",
        {"name": "stage", "stage": {"settledTurns": 0}},
        "spec.router.stage.settledTurns",
        "must be from 1 to 100",
        "should be greater than or equal to 1",
    ),
    Case(
        "pin-of-no-rule",
        policy(rules=[RULE], session={"pin": ["hard", "other"]}),
        "spec.session",
        "pin must name rules of this policy",
    ),
)

GOOD: dict[str, Wire] = {
    "stage": policy(router=STAGE),
    "stage-settings": policy(
        router={
            "name": "stage",
            "stage": {
                "text": "linear",
                "weights": "mini-swe",
                "settledTurns": 5,
                "returnBelow": "0.2",
                "maxStrongUsd": "0.50",
                "plan": {"turns": 3},
                "swapShare": "1%",
            },
        },
        objective={"strongShare": "20%"},
        session={"memory": "2h"},
    ),
    "pins": policy(rules=[RULE], session={"pin": ["hard"], "pinHeaders": ["x-task"]}),
    "sticky": policy(session={"sticky": "10m"}),
}
