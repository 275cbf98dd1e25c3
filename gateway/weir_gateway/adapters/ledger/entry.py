"""The ledger's rows: entries for requests, ratings for feedback."""

from dataclasses import dataclass, replace
from typing import Any

from weir_agents.written import to_json
from weir_gateway.domain.decision import RouteDecision, Scored
from weir_gateway.domain.money import cost
from weir_gateway.domain.outcome import Outcome, PricedSideCost
from weir_gateway.domain.request import Request
from weir_wires.content import Usage


@dataclass(frozen=True, slots=True)
class Rating:
    """What one key said of one decision. A field that has a default may be added."""

    decision: str  # the id
    key: str  # the name of the client's key; empty where none is asked for
    at: int  # microseconds since 1970, UTC
    rating: float | None  # [0,1]; None where a model was preferred
    preferred: str  # the name of the model; empty where a rating was given
    weight: float  # of the key, as it was then
    comment: str | None  # kept only where content is


MAX_TEXT_CHARS = 16_384  # characters of a prompt, where content was asked for
UNIT_DIGITS = 16  # of a conversation's hash: enough to tell a billion apart
_NO_USAGE = Usage(input=0, output=0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A request, how it was decided, how it ended and what its answer cost.

    What was paid beside the answer has a line of its own, with another `part`: sums over all lines
    are what was paid, requests are the lines of part 0. A field that has a default may be added:
    files get its column as they are next written to.
    """

    decision: str  # the id
    at: int  # microseconds since 1970, UTC: when it ended
    policy: str
    key: str  # the name of the client's key; empty where none is asked for
    asked: str  # the `model` that the client wrote
    backend: str  # the id of who answered
    model: str  # its name
    baseline: str  # the name of the policy's last candidate
    strong: bool
    reason: str
    detail: str
    score: float | None
    threshold: float | None
    router: str
    bundle: str
    route_table: str
    status: int  # 499: the client went away
    error: str
    counted: bool  # whether the provider told its tokens; else they are estimated
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    paid_pico_usd: int
    saved_pico_usd: int
    overhead_us: int
    duration_us: int
    text: str | None
    part: int = 0  # 0: the answer; 1, 2, ...: what was paid beside it
    what: str = ""  # of part 1, 2, ...: see Beside
    propensity: float = 1.0  # how probable this choice was, as it was made
    explored: bool = False
    candidates: str = ""  # ids of who was left to choose from, weakest first, comma between
    batch: str = ""  # the id of the batch whose item it was; empty: of none
    variant: str = ""  # of the policy's variants; empty where it has none
    variant_share: float | None = None  # of conversations that had it then
    unit: str = ""  # the conversation as a hash, where the policy has variants or router `stage`
    intended_model: str = ""  # mode Shadow: what would have answered
    intended_pico_usd: int = 0  # and cost, for the tokens that were used
    written_1h_tokens: int = 0  # of written_tokens
    reasoning_tokens: int = 0  # of output_tokens
    audio_input_tokens: int = 0  # of input_tokens
    audio_output_tokens: int = 0  # of output_tokens
    image_input_tokens: int = 0  # of input_tokens
    image_output_tokens: int = 0  # of output_tokens
    server_tools: str = ""  # calls that the provider ran: name=number, comma between
    tier: str = ""  # of service, as the answer said
    agent: str = ""  # where its conversation stood, as JSON of numbers; empty for a plain chat
    known: float | None = None  # [0,1]: how well the prompt's kind is known; None: not told
    target_share: float | None = None  # `strongShare` as it was, of those that count for it


def entries(
    request: Request, decision: RouteDecision, outcome: Outcome, *, at: float, content: bool
) -> tuple[Entry, ...]:
    """The lines for one request that ended at `at` (seconds since 1970), its own the first."""
    own = entry(request, decision, outcome, at=at, content=content)
    if not outcome.side_costs:
        return (own,)
    return (own, *(_side_cost_entry(own, n, one) for n, one in enumerate(outcome.side_costs, 1)))


def _side_cost_entry(own: Entry, part: int, one: PricedSideCost) -> Entry:
    usage = one.side_cost.usage
    return replace(
        own,
        part=part,
        what=str(one.side_cost.kind),
        backend=one.side_cost.backend.id,
        model=one.side_cost.backend.name,
        strong=False,
        error="",
        counted=one.side_cost.counted,
        **_counts(usage),
        paid_pico_usd=one.paid,
        saved_pico_usd=-one.paid,
        intended_pico_usd=0,
        text=None,
        agent="",
    )


def entry(
    request: Request, decision: RouteDecision, outcome: Outcome, *, at: float, content: bool
) -> Entry:
    """The line for one request's answer."""
    scored = decision.scored
    usage = outcome.usage or _NO_USAGE
    variant, intended = decision.variant, decision.intended
    return Entry(
        decision=decision.id,
        at=int(at * 1e6),
        policy=decision.policy,
        key=request.key.name if request.key else "",
        asked=_storable(request.model),
        backend=decision.chosen.id,
        model=decision.chosen.name,
        baseline=decision.baseline.name,
        strong=decision.strong,
        reason=decision.label,
        detail=_storable(decision.detail),
        score=scored.score if scored else None,
        threshold=decision.threshold,
        router=scored.router if scored else "",
        bundle=scored.bundle if scored else "",
        route_table=decision.table,
        status=outcome.status,
        error=outcome.error,
        counted=outcome.counted,
        **_counts(usage),
        paid_pico_usd=outcome.paid_for_answer,
        saved_pico_usd=outcome.saved + outcome.paid - outcome.paid_for_answer,
        overhead_us=int(outcome.overhead * 1e6),
        duration_us=int(outcome.duration * 1e6),
        text=_storable(_text(request, scored)) if content else None,
        propensity=decision.propensity,
        explored=decision.explored,
        candidates=",".join(backend.id for backend in decision.servable),
        batch=decision.batch,
        variant=variant.name if variant else "",
        variant_share=variant.share if variant else None,
        unit=_unit(decision),
        intended_model=intended.chosen.name if intended else "",
        intended_pico_usd=_intended_cost(decision, outcome),
        agent=to_json(request.facts.agent),
        known=scored.known if scored else None,
        target_share=decision.target_share,
    )


def _unit(decision: RouteDecision) -> str:
    """The conversation as a hash, where choices are compared by conversation."""
    if decision.variant is not None:
        return decision.variant.unit
    return decision.stage.session[:UNIT_DIGITS] if decision.stage is not None else ""


def _text(request: Request, scored: Scored | None) -> str:
    """What was scored, and of a very long text both ends: routers are trained on it."""
    text = request.scored_text[scored.skipped :] if scored else request.scored_text
    half = MAX_TEXT_CHARS // 2
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[: half - 1]}\n{text[-half:]}"


def _intended_cost(decision: RouteDecision, outcome: Outcome) -> int:
    if decision.intended is None or outcome.usage is None:
        return 0
    return cost(decision.intended.chosen.price, outcome.usage)


def _counts(usage: Usage) -> dict[str, Any]:
    """The columns of what the answer took."""
    return {
        "input_tokens": usage.input,
        "cached_tokens": usage.cached_input,
        "written_tokens": usage.cache_write,
        "output_tokens": usage.output,
        "written_1h_tokens": usage.cache_write_1h,
        "reasoning_tokens": usage.reasoning,
        "audio_input_tokens": usage.audio_input,
        "audio_output_tokens": usage.audio_output,
        "image_input_tokens": usage.image_input,
        "image_output_tokens": usage.image_output,
        "server_tools": ",".join(f"{_storable(name)}={n}" for name, n in usage.server_tools),
        "tier": _storable(usage.tier),
    }


def _storable(text: str) -> str:
    """Clients may write lone surrogates, which no file's encoding has."""
    return text.encode("utf-8", "replace").decode()
