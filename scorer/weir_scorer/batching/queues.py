"""The two queues: texts that wait for the tokeniser, and prepared texts that wait for the device.

Texts are prepared a slice at a time, round and round, so that small calls pass a call of many
texts. The oldest prepared text is in every batch, so that none starves; the rest of the batch has
about its length, oldest first, so that little is padded. Pure: no clock, no loop, no engine.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

from weir_scorer.batching.calls import BatchKey, Call, Item
from weir_scorer.batching.limits import BatchLimits
from weir_scorer.features.turns import Prompt


class Slice(NamedTuple):
    """A run of one call's texts."""

    call: Call
    start: int
    stop: int

    @property
    def texts(self) -> Sequence[Prompt]:
        """The texts themselves."""
        return self.call.texts[self.start : self.stop]


class TextQueue:
    """Calls whose texts wait for the tokeniser."""

    def __init__(self) -> None:
        self._calls: OrderedDict[Call, int] = OrderedDict()  # to the first text not yet taken

    def __bool__(self) -> bool:
        return bool(self._calls)

    def put(self, call: Call) -> None:
        """Queue all texts of `call`."""
        self._calls[call] = 0

    def discard(self, call: Call) -> None:
        """Remove the remaining texts of `call`."""
        self._calls.pop(call, None)

    def take(self, texts: int) -> list[Slice]:
        """Remove and return at most `texts` texts of the oldest call's batch key."""
        slices: list[Slice] = []
        while texts > 0 and self._calls:
            call, start = next(iter(self._calls.items()))
            if slices and call.batch_key != slices[0].call.batch_key:
                break
            stop = min(start + texts, len(call.texts))
            slices.append(Slice(call, start, stop))
            texts -= stop - start
            self._calls.pop(call)
            if stop < len(call.texts):
                self._calls[call] = stop
        return slices


# Upper bounds in tokens, about 1.4 apart: within one bucket at most a third is padding.
_BOUNDS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

Bucket = dict[int, Item]  # by age, oldest first: any text can leave in constant time


class BatchQueue:
    """Prepared texts that wait for the device, by batch key and length."""

    def __init__(self) -> None:
        self._by_key: dict[BatchKey, dict[int, Bucket]] = {}
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, items: Iterable[Item]) -> None:
        """Add texts at the end."""
        for item in items:
            item.sequence = self._next
            self._next += 1
            buckets = self._by_key.setdefault(item.call.batch_key, {})
            buckets.setdefault(_bucket_of(item), {})[item.sequence] = item
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
            for buckets in self._by_key.values()
            for bucket in buckets.values()
        )
        return min(heads, key=lambda item: item.sequence, default=None)

    def _choose(self, oldest: Item, limits: BatchLimits) -> Iterator[Item]:
        home = _bucket_of(oldest)
        buckets = self._by_key[oldest.call.batch_key]
        count = total = longest = 0
        for rank in _outwards(home, buckets):
            for item in buckets[rank].values():
                if count == limits.texts:
                    return
                tokens = item.prepared.tokens
                padded = max(longest, tokens) * (count + 1)
                over = count > 0 and padded > limits.tokens
                # A shorter text pads itself; a longer one pads every text already chosen.
                used = min(tokens / longest, (total + tokens) / padded) if count else 1.0
                wasteful = rank != home and used < 1 - limits.padding
                if over or wasteful:
                    break  # the rest of this bucket is no shorter; another bucket may still fit
                count, total, longest = count + 1, total + tokens, max(longest, tokens)
                yield item

    def _remove(self, item: Item) -> None:
        batch_key, rank = item.call.batch_key, _bucket_of(item)
        bucket = self._by_key.get(batch_key, {}).get(rank, {})
        if bucket.pop(item.sequence, None) is None:
            return  # taken before
        self._count -= 1
        if not bucket:
            del self._by_key[batch_key][rank]
            if not self._by_key[batch_key]:
                del self._by_key[batch_key]


def _bucket_of(item: Item) -> int:
    return bisect_left(_BOUNDS, item.prepared.tokens)


def _outwards(home: int, ranks: Iterable[int]) -> Iterable[int]:
    """`home`, then its neighbours, nearest first."""
    shorter = sorted((rank for rank in ranks if rank < home), reverse=True)
    longer = sorted(rank for rank in ranks if rank > home)
    pairs = zip_longest(shorter, longer)
    return [home, *(rank for rank in chain.from_iterable(pairs) if rank is not None)]
