"""A decision taken apart for people."""

from dataclasses import replace

from support.fakes import FakeIds, FakeScorer
from support.tables import STRONG, WEAK, policy, request, rule, table
from weir_cli.explain.policy_text import caches
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.cache import CacheRules, CacheState
from weir_gateway.routing.explain import Explainer
from weir_policy.spec.backend import Capability


def explainer(scorer: FakeScorer) -> Explainer:
    return Explainer(scorer=scorer, conditions=CelConditions(), ids=FakeIds(), score_timeout=5)


async def test_everything_that_led_to_the_choice() -> None:
    scorer = FakeScorer(default=0.7, quality={"weak": 0.4, "strong": 0.8})
    made = policy(rules=[rule("never", "request.tools > 0", "weak")])
    seen = await explainer(scorer).explain(request(), table(made))
    assert (seen.decision.label, seen.decision.threshold, seen.policy.id) == (
        "scored",
        0.6,
        "shop/chat",
    )
    assert [(r.name, r.verdict.value) for r in seen.rules] == [("never", "does not hold")]
    weak, strong = seen.candidates
    assert (weak.quality, weak.chosen, weak.lacks) == (0.4, False, "")
    assert (strong.quality, strong.chosen) == (0.8, True)
    assert strong.estimate == 10 * weak.estimate


async def test_rules_after_the_one_that_held_were_not_asked() -> None:
    made = policy(rules=[rule("a", "true", "strong"), rule("b", "true", "weak")])
    seen = await explainer(FakeScorer()).explain(request(), table(made))
    assert (seen.decision.label, seen.rules_not_reached) == ("rule:a", ("b",))


async def test_who_could_not_serve_and_why() -> None:
    able = replace(STRONG, capabilities=frozenset({Capability.VISION}))
    asked = request(needs=[Capability.VISION])
    seen = await explainer(FakeScorer()).explain(asked, table(policy(candidates=[WEAK, able])))
    assert [c.lacks for c in seen.candidates] == ["vision", ""]
    assert seen.decision.label == "filtered"


async def test_who_is_asked_should_the_choice_fail() -> None:
    made = policy(upstream_order=["strong", "weak"])
    seen = await explainer(FakeScorer(default=0.7)).explain(request(), table(made))
    assert (seen.decision.chosen, seen.fallbacks) == (STRONG, (WEAK,))
    alone = await explainer(FakeScorer(default=0.7)).explain(request(), table(policy()))
    assert alone.fallbacks == ()


async def test_what_a_cache_would_do_is_told_with_nothing_kept() -> None:
    body = b'{"model":"auto","messages":[{"role":"user","content":"hello"}]}'
    rules = CacheRules(exact=60, semantic=60, similarity=0.9, temperature=1)
    made = table(replace(policy(), cache=rules))
    scorer = FakeScorer(embeddings={"hello": b"1234"})
    seen = await explainer(scorer).explain(replace(request(), body=body), made)
    looked = seen.decision.cache
    assert (looked.state, bool(looked.exact_key), bool(looked.semantic_key)) == (
        CacheState.MISS,
        True,
        True,
    )
    assert caches(rules, seen.decision) == (
        "an equal request within 60 s, one with the same wording and similarity 0.9 within "
        "60 s; per client key"
    )
    cold = replace(rules, temperature=0.5)
    seen = await explainer(scorer).explain(
        replace(request(), body=body), table(replace(policy(), cache=cold))
    )
    assert caches(cold, seen.decision) == "bypass: temperature 1, the policy caches up to 0.5"
    assert caches(None, seen.decision) == "off"
