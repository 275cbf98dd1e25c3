"""LiteLLM proxy's callback: writes the chosen model group into `model` before a call is routed."""

import importlib
import os
from collections.abc import Mapping
from typing import Any, Final

from weir.decider import Decider
from weir.litellm.call_data import APIS, Data, as_fields, note_of, take_note
from weir.litellm.groups import ModelGroups
from weir.policies import PolicySource

FALLBACKS: Final = "fallbacks"  # of a call: the groups that LiteLLM tries if the first one fails


class DecisionHooks:
    """What Weir does at LiteLLM's hooks; `callback` joins it with LiteLLM's own class."""

    def __init__(self, groups: ModelGroups) -> None:
        super().__init__()
        self._groups = groups

    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: Data, call_type: str
    ) -> Data:
        """Decide the call, and name the model group. Raises RefusedCall."""
        del user_api_key_dict, cache
        model = data.get("model")
        api = APIS.get(str(call_type))
        if api is None or not isinstance(model, str):
            return data
        chosen = await self._groups.choose(model, api, data)
        if chosen is None:
            return data
        data["model"] = chosen.group
        if chosen.fallbacks and not data.get(FALLBACKS):
            data[FALLBACKS] = list(chosen.fallbacks)
        if chosen.decision is not None:
            take_note(data, chosen.decision)
        return data

    async def async_post_call_response_headers_hook(
        self, data: Mapping[str, Any], *unused: object, **unused_too: object
    ) -> dict[str, str] | None:
        """What decided, as the gateway tells it in its headers."""
        del unused, unused_too
        note = note_of(data)
        if not note:
            return None
        return {
            "x-weir-decision": str(note["decision"]),
            "x-weir-model": str(note["backend"]),
            "x-weir-policy": str(note["policy"]),
            "x-weir-reason": str(note["reason"]),
        }

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Count the answer's tokens against the policy's budget."""
        del response_obj, start_time, end_time
        note = note_of(as_fields(kwargs.get("litellm_params")))
        logged = as_fields(kwargs.get("standard_logging_object"))
        if note:
            prompt, answer = logged.get("prompt_tokens"), logged.get("completion_tokens")
            self._groups.settle(str(note["decision"]), int(prompt or 0), int(answer or 0))


def callback(
    policies: PolicySource,
    *,
    groups: Mapping[str, str] | None = None,
    bundle: str | os.PathLike[str] | None = None,
    decider: Decider | None = None,
) -> Any:
    """The callback for `litellm_settings.callbacks` of LiteLLM's proxy.

    `groups` are LiteLLM's model names by backend, where the two differ. `decider` replaces the one
    that is opened from `policies` and `bundle`. Raises NoBundle and PolicyMistakes.
    """
    base: Any = importlib.import_module("litellm.integrations.custom_logger").CustomLogger
    # LiteLLM calls only the hooks that stand in the class itself, inherited ones not.
    hooks = {name: hook for name, hook in vars(DecisionHooks).items() if name.startswith("async_")}
    made = type("WeirCallback", (DecisionHooks, base), hooks)
    opened = decider or Decider.open(policies, bundle=bundle)
    return made(ModelGroups(opened, groups))
