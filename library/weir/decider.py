"""A decider: policies and a bundle, loaded once, that decides in any thread and event loop."""

import asyncio
import os
import random
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from weir.bundles import report_progress, require_bundle
from weir.decision import Decision, decision_of
from weir.errors import mapped
from weir.in_process import InProcessScorer
from weir.policies import Policies, PolicySource, compile_policies
from weir.read_request import Messages, RequestOptions, is_large, read_request
from weir.stepping import AskingScorer, Stepper
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.ids import DecisionId
from weir_gateway.routing.advise import Adviser
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.decide import DecisionParts
from weir_gateway.routing.session.memory import SessionMemory
from weir_gateway.routing.steps import selection
from weir_policy.model_patterns import model_pattern
from weir_scorer import Bundle
from weir_wires.content import Usage

SCORE_TIMEOUT: Final = 1.0  # seconds; a prompt takes milliseconds, so only a crowd waits longer
SESSIONS: Final = 100_000  # conversations whose model is remembered, as in the gateway


class Decider:
    """Decides which model answers; open one for the life of a program.

    Every thread and event loop may use the same one. What objectives remember (shares, budgets,
    conversations) is in its memory: other processes have their own.
    """

    def __init__(self, bundle: Bundle, policies: Policies, *, timeout: float, threads: int) -> None:
        """Use `open`, which finds the bundle and compiles the policies."""
        self._bundle = bundle
        self._policies = policies
        scorer = InProcessScorer(bundle)
        parts = DecisionParts(
            scorer=AskingScorer(scorer),
            conditions=CelConditions(),
            ids=_new_id,
            sessions=MemorySessions(time.monotonic, entries=SESSIONS),
            memory=SessionMemory(MemorySessionStore(time.monotonic, entries=SESSIONS), time.time),
            budgets=Budgets(MemoryBudgetStore(), time.monotonic, time.time, _new_id()),
        )
        self._adviser = Adviser(parts, time.monotonic, score_timeout=timeout)
        self._stepper = Stepper(scorer, threads=threads)

    @classmethod
    def open(
        cls,
        policies: PolicySource,
        *,
        bundle: str | os.PathLike[str] | None = None,
        timeout: float = SCORE_TIMEOUT,
        threads: int | None = None,
    ) -> Self:
        """Load the bundle and compile `policies`; takes about a second.

        `policies` are YAML files and folders, or resources as dicts. Without `bundle` the default
        one is found, or built at the first use, which needs the network once. `timeout` is how
        many seconds a decision waits for its score; then the policy's `failureMode` decides.
        `threads` score at a time, by default one per core. Raises NoBundle and PolicyMistakes.
        """
        folder = require_bundle(None if bundle is None else Path(bundle), report_progress)
        with mapped():
            opened = Bundle.open(folder, devices=["cpu"])
        try:
            compiled = compile_policies(policies, opened)
            threads = threads or os.cpu_count() or 1
            decider = cls(opened, compiled, timeout=timeout, threads=threads)
            decider._check(compiled)
        except BaseException:
            opened.close()
            raise
        return decider

    @classmethod
    async def aopen(
        cls,
        policies: PolicySource,
        *,
        bundle: str | os.PathLike[str] | None = None,
        timeout: float = SCORE_TIMEOUT,  # noqa: ASYNC109 - of each decision, not of this call
        threads: int | None = None,
    ) -> Self:
        """As `open`, in a thread of its own."""
        return await asyncio.to_thread(
            cls.open, policies, bundle=bundle, timeout=timeout, threads=threads
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the policies is valid and probably not meant."""
        return self._policies.warnings

    @property
    def backends(self) -> tuple[str, ...]:
        """The names of all candidates of all policies: what a decision's `backend` may be."""
        candidates = [c.name for policy in self._policies.table.policies for c in policy.candidates]
        return tuple(dict.fromkeys(candidates))

    def serves(self, model: str) -> bool:
        """Whether a policy serves requests that write `model`, a pattern's included."""
        table = self._policies.table
        return self._stepper.locked(lambda: self._adviser.serves(table, model))

    def without_score(self, model: str) -> str | None:
        """The backend that `failureMode` names for `model` without a score; None: it rejects."""
        for policy in self._policies.table.policies:
            if any(_matches(name, model) for name in policy.models):
                chosen = selection.without_score(policy.candidates, policy.on_scorer_failure)
                return None if chosen is None else chosen.name
        return None

    def decide(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        api: str | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Decision:
        """Decide which model answers `messages`.

        They are a prompt, a list of messages as OpenAI or Anthropic has them, or a whole request
        as a dict or JSON. `fields` are more of the request: `tools=...`, `max_tokens=...`. `model`
        is what the client names, by default the first that a policy serves; `api` (chat, messages,
        responses, completions, embeddings, gemini) is found by the fields where it isn't given.

        Raises BadRequest, NoPolicy, Refused and DeciderClosed.
        """
        options = RequestOptions(model=model, api=api, headers=headers, fields=fields)
        policies = self._policies
        request = read_request(messages, options, policies.first_model)
        with mapped():
            return decision_of(self._stepper.run(self._adviser.advise(request, policies.table)))

    async def adecide(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        api: str | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Decision:
        """As `decide`, with the scoring in a thread beside the event loop."""
        options = RequestOptions(model=model, api=api, headers=headers, fields=fields)
        policies = self._policies
        reading = partial(read_request, messages, options, policies.first_model)
        request = await asyncio.to_thread(reading) if is_large(messages) else reading()
        with mapped():
            steps = self._adviser.advise(request, policies.table)
            return decision_of(await self._stepper.run_async(steps))

    def settle(
        self,
        decision: Decision | str,
        *,
        prompt_tokens: int,
        answer_tokens: int,
        cached_tokens: int = 0,
    ) -> bool:
        """Count an answer's tokens against its policy's budget; `decision` is it or its id.

        `cached_tokens` are those of the prompt that the provider read from its cache. Without this
        call a decision counts as estimated, ten minutes later. False where no budget waits for it.
        """
        usage = Usage(input=prompt_tokens, output=answer_tokens, cached_input=cached_tokens)
        known = DecisionId(decision if isinstance(decision, str) else decision.id)
        return self._stepper.locked(lambda: self._adviser.settle(known, usage))

    def reload(self, policies: PolicySource) -> None:
        """Decide by other policies from now on; those of the same name keep what they remember.

        Raises PolicyMistakes, and the old ones go on.
        """
        compiled = compile_policies(policies, self._bundle)
        self._check(compiled)
        self._policies = compiled

    def close(self) -> None:
        """Free the bundle. Closing twice is fine."""
        self._stepper.close()
        self._bundle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def _check(self, policies: Policies) -> None:
        """Compile the rules and try the probes. Raises PolicyMistakes."""
        with mapped():
            self._stepper.run(self._adviser.check(policies.table))


def _matches(name: str, model: str) -> bool:
    pattern = model_pattern(name)
    return name == model if pattern is None else pattern.matches(model)


def _new_id() -> DecisionId:
    # Unique, not secret: the system's own source of randomness costs a system call each.
    return DecisionId(f"{random.getrandbits(128):032x}")
