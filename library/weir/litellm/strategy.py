"""LiteLLM Router's routing strategy: Weir chooses the model group, LiteLLM its deployment."""

from collections.abc import Mapping
from typing import Any

from weir.decider import Decider
from weir.litellm.call_data import as_fields, take_note
from weir.litellm.groups import Chosen, ModelGroups


class RoutingStrategy:
    """For `router.set_custom_routing_strategy`; has the two methods that LiteLLM calls."""

    def __init__(
        self, router: Any, decider: Decider, groups: Mapping[str, str] | None = None
    ) -> None:
        """`groups` are LiteLLM's model names by backend, where the two differ."""
        self._router = router
        self._own: Any = type(router)  # its methods, which this strategy takes the place of
        self._groups = ModelGroups(decider, groups)

    async def async_get_available_deployment(self, model: str, **call: Any) -> Any:
        """A deployment of the chosen group. Raises RefusedCall, and what LiteLLM raises."""
        chosen = await self._groups.choose(model, None, _data(call))
        return await self._own.async_get_available_deployment(
            self._router, model=_noted(chosen, call, model), **call
        )

    def get_available_deployment(self, model: str, **call: Any) -> Any:
        """As above, in this thread."""
        chosen = self._groups.choose_now(model, _data(call))
        return self._own.get_available_deployment(
            self._router, model=_noted(chosen, call, model), **call
        )


def use_weir(router: Any, decider: Decider, groups: Mapping[str, str] | None = None) -> Any:
    """Let Weir choose the model groups of `router`; returns it."""
    router.set_custom_routing_strategy(RoutingStrategy(router, decider, groups))
    return router


def _data(call: Mapping[str, Any]) -> dict[str, Any]:
    """The client's request: what LiteLLM hands over by name, and the rest of its arguments."""
    named = {name: call.get(name) for name in ("messages", "input") if call.get(name) is not None}
    return {**as_fields(call.get("request_kwargs")), **named}


def _noted(chosen: Chosen | None, call: Mapping[str, Any], model: str) -> str:
    """The chosen group, with its decision in the call's metadata; `model` where there is none."""
    if chosen is None:
        return model
    arguments: Any = call.get("request_kwargs")
    if chosen.decision is not None and arguments is not None:
        take_note(arguments, chosen.decision)
    return chosen.group
