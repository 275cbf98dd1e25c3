"""From a decision to the name of a LiteLLM model group, whatever happens to the decision."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from weir.decider import Decider
from weir.decision import Decision
from weir.errors import Refused
from weir.litellm.call_data import client_headers, request_fields

_LOG: Final = logging.getLogger(__name__)


class RefusedCall(Exception):
    """A policy refuses the call; LiteLLM answers with this status."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.message = str(refused)
        self.status_code = refused.status


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model group that serves a call."""

    group: str
    fallbacks: tuple[str, ...] = ()  # groups to try in this order if it fails
    decision: Decision | None = None  # None: there was none, and `failureMode` named the group


class ModelGroups:
    """Chooses model groups for the models that a policy serves."""

    def __init__(self, decider: Decider, groups: Mapping[str, str] | None) -> None:
        """`groups` name the model group of a backend, where that has another name."""
        self._decider = decider
        self._groups = groups or {}

    async def choose(self, model: str, api: str | None, data: Mapping[str, Any]) -> Chosen | None:
        """The group for a call; None where no policy serves `model`. Raises RefusedCall."""
        if not self._decider.serves(model):
            return None
        try:
            decision = await self._decider.adecide(
                request_fields(data), model=model, api=api, headers=client_headers(data)
            )
        except Refused as refused:
            raise RefusedCall(refused) from refused
        except Exception as error:  # noqa: BLE001 - whatever fails here must not fail the call
            return self._without_decision(model, error)
        return self._chosen(decision)

    def choose_now(self, model: str, data: Mapping[str, Any]) -> Chosen | None:
        """As `choose`, in this thread."""
        if not self._decider.serves(model):
            return None
        try:
            decision = self._decider.decide(
                request_fields(data), model=model, headers=client_headers(data)
            )
        except Refused as refused:
            raise RefusedCall(refused) from refused
        except Exception as error:  # noqa: BLE001 - as above
            return self._without_decision(model, error)
        return self._chosen(decision)

    def settle(self, decision: str, prompt_tokens: int, answer_tokens: int) -> None:
        """Count an answer's tokens against its policy's budget."""
        self._decider.settle(decision, prompt_tokens=prompt_tokens, answer_tokens=answer_tokens)

    def _chosen(self, decision: Decision) -> Chosen:
        return Chosen(
            self._group(decision.backend), tuple(map(self._group, decision.fallbacks)), decision
        )

    def _without_decision(self, model: str, error: Exception) -> Chosen | None:
        backend = self._decider.without_score(model)
        _LOG.warning("no decision for model %s, so %s answers: %s", model, backend or model, error)
        return None if backend is None else Chosen(self._group(backend))

    def _group(self, backend: str) -> str:
        return self._groups.get(backend, backend)
