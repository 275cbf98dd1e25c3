"""A client's request as routing sees it: the bytes as they came, and what was read out of them.

`http/` makes it. The bytes are what goes upstream, with `model` replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weir_gateway.domain.ids import KeyName
from weir_policy.facts import Facts
from weir_policy.ids import ModelName, PolicyId
from weir_policy.spec.backend import Capability
from weir_policy.spec.limits import Limits
from weir_wires.wire import Wire

CHARS_PER_TOKEN = 3  # less than tokenizers reach on prose, so the estimate errs upwards
TOKENS_PER_IMAGE = 1000


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One client key's rights; they narrow what a policy exposes and never widen it."""

    name: KeyName
    policies: tuple[str, ...] = ("*",)  # patterns of "namespace/name"
    direct: bool = True  # may call backends by their own names
    client_threshold: bool = True  # may choose a router and threshold by `model`
    expires: float | None = None  # seconds since 1970; None: never
    limits: Limits = ()  # over all policies
    feedback: bool = True  # may give feedback on its answers
    feedback_weight: float = 1.0  # how much that counts, relative to other keys'

    def may_use(self, policy: PolicyId) -> bool:
        """Whether a request may be served by `policy`."""
        return any(fnmatchcase(policy, pattern) for pattern in self.policies)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, parsed once."""

    wire: Wire  # the client's
    body: bytes
    model: ModelName
    model_span: tuple[int, int] | None  # [start, end) of `model` in `body`; None: it has none
    stream: bool
    headers: Mapping[str, str]  # the client's, names in lower case
    scored_text: str  # the user's last turn with text; empty when there is nothing to score
    facts: Facts
    needs: frozenset[Capability]
    prompt_tokens: int  # an estimate from above (chars / 3), for the context filter and costs
    max_tokens: int  # the answer's cap the client set; 0: none
    key: ClientKey | None = None  # the client's; None where the gateway asks for none
    several: bool = False  # more than one answer to the same prompt is asked for
    stores: bool = False  # its answer is to be kept by the provider, for later requests to name
    wants_usage: bool = True  # False: its stream is not to have an event with the usage alone
    earlier: tuple[str, ...] = ()  # the user's last few turns before the scored text, oldest first
    opening: tuple[str, ...] = ()  # how the conversation began: system prompt, first user turn
    untranslated: bool = False  # True: only backends that speak its wire themselves can serve it
    prompt_known: bool = True  # False: only its headers are, so that it can't be scored


def with_model(request: Request, model_json: bytes) -> bytes:
    """The body with `model` replaced by `model_json` and not one other byte changed.

    On a wire that has the model in its path, the body is the same.
    """
    if request.model_span is None:
        return request.body
    start, end = request.model_span
    return request.body[:start] + model_json + request.body[end:]
