"""Prepared texts that wait for the device, by length, and which of them make the next batch.

The oldest text is in every batch, so none starves; the rest of the batch is of like length, oldest
first, so that little is padded. Pure: no clock, no loop, no engine.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from weir_scorer.batching.limits import BatchLimits
from weir_scorer.batching.work import Call, Item, Lane

# Upper bounds in tokens, about 1.4 apart: within one bucket at most a third is padding.
_BOUNDS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

Bucket = dict[int, Item]  # by age, oldest first: any text can leave in constant time


class Waiting:
    """The queue in front of the device."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, dict[int, Bucket]] = {}
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, items: Iterable[Item]) -> None:
        """Queue texts behind those that are there."""
        for item in items:
            item.sequence = self._next
            self._next += 1
            buckets = self._lanes.setdefault(item.call.lane, {})
            buckets.setdefault(_rank(item), {})[item.sequence] = item
            item.call.queued.append(item)
            self._count += 1

    def discard(self, call: Call) -> None:
        """Take the texts of `call` that still wait out of the queue."""
        for item in call.queued:
            self._remove(item)
        call.queued.clear()

    def take(self, limits: BatchLimits) -> list[Item]:
        """Remove and return the next batch; empty when nothing waits."""
        oldest = self._oldest()
        if oldest is None:
            return []
        batch = list(self._choose(oldest, limits))
        for item in batch:
            self._remove(item)
        return batch

    def _oldest(self) -> Item | None:
        heads = (
            next(iter(bucket.values()))
            for buckets in self._lanes.values()
            for bucket in buckets.values()
        )
        return min(heads, key=lambda item: item.sequence, default=None)

    def _choose(self, oldest: Item, limits: BatchLimits) -> Iterator[Item]:
        home = _rank(oldest)
        buckets = self._lanes[oldest.call.lane]
        count = total = longest = 0
        for rank in _outwards(home, buckets):
            for item in buckets[rank].values():
                if count == limits.texts:
                    return
                tokens = item.prepared.tokens
                padded = max(longest, tokens) * (count + 1)
                over = count > 0 and padded > limits.tokens
                # Its own padding where it is the shorter one, everyone's where it is the longer.
                used = min(tokens / longest, (total + tokens) / padded) if count else 1.0
                wasteful = rank != home and used < 1 - limits.padding
                if over or wasteful:
                    break  # the rest of this bucket is no better; another one may still fit
                count, total, longest = count + 1, total + tokens, max(longest, tokens)
                yield item

    def _remove(self, item: Item) -> None:
        lane, rank = item.call.lane, _rank(item)
        bucket = self._lanes.get(lane, {}).get(rank, {})
        if bucket.pop(item.sequence, None) is None:
            return  # taken before
        self._count -= 1
        if not bucket:
            del self._lanes[lane][rank]
            if not self._lanes[lane]:
                del self._lanes[lane]


def _rank(item: Item) -> int:
    return bisect_left(_BOUNDS, item.prepared.tokens)


def _outwards(home: int, ranks: Iterable[int]) -> Iterable[int]:
    """`home`, then its neighbours, nearest first."""
    shorter = sorted((rank for rank in ranks if rank < home), reverse=True)
    longer = sorted(rank for rank in ranks if rank > home)
    pairs = zip_longest(shorter, longer)
    return [home, *(rank for rank in chain.from_iterable(pairs) if rank is not None)]
