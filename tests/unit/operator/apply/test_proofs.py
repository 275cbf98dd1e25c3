"""What the scorer shows of its routers: taken up when it changes, kept while it is away."""

import asyncio

from weir_operator.apply.proofs import LatestProofs
from weir_operator.plan.promises import Proofs, RouterProof


class Source:
    """Proofs as a test gives them."""

    def __init__(self) -> None:
        self.given: Proofs | None = None

    async def proofs(self) -> Proofs | None:
        return self.given


async def test_a_change_is_planned_anew_and_nothing_else() -> None:
    source, dirty = Source(), asyncio.Event()
    latest = LatestProofs(source, dirty)
    await latest.refresh()
    assert latest.current is None
    assert not dirty.is_set()
    source.given = {"": RouterProof(labels=300)}
    await latest.refresh()
    assert latest.current == {"": RouterProof(labels=300)}
    assert dirty.is_set()
    dirty.clear()
    await latest.refresh()
    source.given = None  # the scorer is away
    await latest.refresh()
    assert latest.current == {"": RouterProof(labels=300)}
    assert not dirty.is_set()
