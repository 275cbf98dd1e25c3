"""Estimates of tokens and cost, for what is not known yet or what no provider reports.

Prompt tokens are estimated from above (three characters each), so that limits and context windows
are safe; where an estimate is charged, it goes by the text's script instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weir_gateway.domain.money import cost_of_tokens
from weir_gateway.domain.request import CHARS_PER_TOKEN, TOKENS_PER_IMAGE, Request
from weir_gateway.domain.table import Backend
from weir_policy.ids import BackendId, PicoUsd
from weir_wires.content import Usage
from weir_wires.token_estimate import SAMPLE, estimate_tokens
from weir_wires.wire import Wire

# Tokens of an answer, where costs are compared and the client sets no lower cap. It is the same for
# every candidate, so it only weighs output prices against input prices.
EXPECTED_OUTPUT = 400
LEAST_CACHED = 1024  # tokens; providers cache no shorter beginning of a prompt
MAX_RESERVED_OUTPUT = 4096  # tokens of an answer that limits reserve, whatever cap the client sets

PROSE_SHARE_PERCENT = 75  # prose has four characters per token, the upper bound assumes three
# What chat formats add, by OpenAI's own recipe for counting: role and separators.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_PROMPT = 3


@dataclass(frozen=True, slots=True)
class SpentTokens:
    """What an answer took."""

    usage: Usage
    counted: bool  # by the provider; False: estimated, as a whole or in part


def estimate_costs(candidates: Sequence[Backend], request: Request) -> dict[BackendId, PicoUsd]:
    """What the request would cost on each candidate: its prompt, and an answer of expected length.

    An estimate from above: prompt tokens are, and no cache is assumed.
    """
    read, written = request.prompt_tokens, expected_output(request)
    return {b.id: cost_of_tokens(b.price, read, written) for b in candidates}


def expected_output(request: Request) -> int:
    """Tokens the answer is taken to have."""
    return min(request.max_tokens or EXPECTED_OUTPUT, EXPECTED_OUTPUT)


def expected_tokens(request: Request) -> int:
    """What a request's prompt and answer are taken to have, until it is known."""
    return request.prompt_tokens + reserved_output(request)


def reserved_output(request: Request) -> int:
    if request.wire is Wire.OPENAI_EMBEDDINGS:
        return 0
    return min(request.max_tokens or EXPECTED_OUTPUT, MAX_RESERVED_OUTPUT)


def spent(request: Request, reported: Usage | None, written: int) -> SpentTokens | None:
    """What an answer took: as the provider reported, completed where it reported only a part.

    `written` are the estimated tokens of the answer that no count is known to cover, 0 where there
    are none. None where nothing was reported and nothing was written.
    """
    if reported is not None and written <= reported.output:
        return SpentTokens(reported, counted=True)
    if reported is None and not written:
        return None
    known = reported or Usage(input=0, output=0)
    read = known.input or prompt_estimate(request)
    return SpentTokens(replace(known, input=read, output=max(known.output, written)), counted=False)


def estimate_usage(request: Request, output: int = 0) -> Usage:
    """About what a call took that reports no usage."""
    return Usage(input=prompt_estimate(request), output=output)


def prompt_estimate(request: Request) -> int:
    """Tokens of a prompt by its script, where they cost money and no provider counts them.

    `request.prompt_tokens` is an upper bound, made from the number of characters alone; how many
    of them are a token is judged by the user's words and the system prompt.
    """
    images = request.facts.images * TOKENS_PER_IMAGE
    bound = max(request.prompt_tokens - images, 0)
    sample = "\n".join((*request.opening[:1], request.scored_text))[-SAMPLE:]
    if not sample.strip():
        return bound * PROSE_SHARE_PERCENT // 100 + images
    tokens = bound * CHARS_PER_TOKEN * estimate_tokens(sample) // len(sample)
    if request.wire.operation == "chat":
        tokens += TOKENS_PER_PROMPT + TOKENS_PER_MESSAGE * request.facts.messages
    return tokens + images
