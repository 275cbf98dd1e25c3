"""Check that the client's key may use the policy that matched."""

from weir_gateway.domain.errors import NotPermitted
from weir_gateway.domain.request import ClientKey
from weir_gateway.routing.policy.compiled import PolicyMatch


def authorize(matched: PolicyMatch, key: ClientKey) -> None:
    """Raise NotPermitted, saying what the key may not, where it doesn't."""
    policy = matched.policy.policy.id
    if not key.may_use(policy):
        raise NotPermitted(f"the key {key.name} may not use policy {policy}", param="model")
    if matched.direct is not None and not key.direct:
        raise NotPermitted(
            f"the key {key.name} may not call models by their own names", param="model"
        )
    if matched.threshold is not None and not key.client_threshold:
        raise NotPermitted(f"the key {key.name} may not choose the threshold", param="model")
