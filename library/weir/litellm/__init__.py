"""Weir in LiteLLM: a callback for its proxy, and a routing strategy for its Router.

Both choose the model group; which of a group's deployments serves, and its retries and cooldowns,
stay LiteLLM's. docs/library.md has what to copy. LiteLLM itself is imported only when it is used.
"""

from weir.litellm.groups import RefusedCall
from weir.litellm.hooks import callback
from weir.litellm.strategy import RoutingStrategy, use_weir

__all__ = ["RefusedCall", "RoutingStrategy", "callback", "use_weir"]
