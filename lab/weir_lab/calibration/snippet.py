"""A threshold as YAML to paste into a RoutePolicy, with its certificate as a comment."""

import math
from collections.abc import Sequence


def snippet(router: str, threshold: float, promises: Sequence[str]) -> str:
    """The `router` and `objective` of a policy's spec."""
    comment = "".join(f"  # {line}\n" for line in promises)
    return (
        "spec:\n"
        f"{comment}"
        f"  router: {{name: {router}}}\n"
        f'  objective: {{threshold: "{decimal(threshold)}"}}\n'
    )


def decimal(threshold: float) -> str:
    """At most eight places, and never a threshold over the one that was certified."""
    text = f"{threshold:.8f}"
    if float(text) > threshold:
        text = f"{math.floor(threshold * 1e8) / 1e8:.8f}"
    return text.rstrip("0").rstrip(".")
