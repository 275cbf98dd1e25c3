"""The engine that serves: cheap blocks in Python, encoder blocks in ONNX Runtime, heads in numpy.

Only the blocks that a router reads are computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from weir_scorer.engine.blend import blended, with_earlier
from weir_scorer.engine.blocks import Block, EncoderBlock, TextBlock, text_function
from weir_scorer.engine.familiarity import Familiarity
from weir_scorer.engine.ports import (
    Description,
    Device,
    EngineError,
    Matrix,
    Prepared,
    Scores,
    UnknownRouter,
)
from weir_scorer.engine.routers import Head, Qualities
from weir_scorer.engine.sessions import Session
from weir_scorer.engine.tokens import Tokens, pad
from weir_scorer.features.reading import Reading, reader
from weir_scorer.features.turns import Chat, Prompt, antecedent, earlier_weight

DEFAULT = "default"
_WARM_BATCHES = (1, 32)
_WARM_TEXTS = ("", "weir " * 512)


@dataclass(frozen=True, slots=True)
class Router:
    """A head over the blocks it reads, in the order of its columns.

    `qualities` predict in the head's place where they are given; `familiarity` tells how well a
    text's kind is known.
    """

    blocks: tuple[Block, ...]
    head: Head
    qualities: Qualities | None = None
    familiarity: Familiarity | None = None

    @property
    def predictor(self) -> Head | Qualities:
        """Predicts qualities, where there are profiles: the file of qualities, or else the head."""
        return self.qualities or self.head

    @property
    def text_blocks(self) -> tuple[TextBlock, ...]:
        """The blocks that are computed while preparing."""
        return tuple(block for block in self.blocks if isinstance(block, TextBlock))

    @property
    def encoder_blocks(self) -> tuple[EncoderBlock, ...]:
        """The blocks that are computed on the device."""
        return tuple(block for block in self.blocks if isinstance(block, EncoderBlock))


class OnnxEngine:
    """One bundle on one device; see `ports.Engine`."""

    def __init__(
        self,
        *,
        description: Description,
        routers: Mapping[str, Router],
        tokens: Tokens,
        sessions: Mapping[str, Session],
        device: Device,
    ) -> None:
        """`sessions` are the open encoders by block name; blocks of one graph share one."""
        self._description = description
        self._routers = dict(routers)
        self._tokens = tokens
        self._sessions = dict(sessions)
        self._device = device
        self._read = reader(description.reading, description.max_chars)
        self._functions = {
            block.name: text_function(block)
            for router in routers.values()
            for block in router.text_blocks
        }

    @property
    def device(self) -> Device:
        return self._device

    @property
    def description(self) -> Description:
        return self._description

    def resolve(self, router: str) -> str:
        name = self._description.default_router if router in {"", DEFAULT} else router
        if name not in self._routers:
            raise UnknownRouter(router, sorted(self._routers))
        return name

    def prepare(self, texts: Sequence[Prompt], router: str) -> Sequence[Prepared]:
        chosen = self._routers[self.resolve(router)]
        chats = [Chat(text) if isinstance(text, str) else text for text in texts]
        prepared = self._prepare([self._read(chat.last) for chat in chats], chosen)
        weights = [earlier_weight(chat.last) if chat.earlier else 0.0 for chat in chats]
        antecedents = [
            self._read(antecedent(chat.earlier))
            for chat, weight in zip(chats, weights, strict=True)
            if weight
        ]
        if not antecedents:
            return prepared
        earlier = iter(self._prepare(antecedents, chosen))
        return [
            _follow_up(item, next(earlier), weight) if weight else item
            for item, weight in zip(prepared, weights, strict=True)
        ]

    def _prepare(self, readings: Sequence[Reading], chosen: Router) -> list[Prepared]:
        encoded = chosen.encoder_blocks and readings
        ids = self._encode_texts(readings) if encoded else [()] * len(readings)
        return [
            Prepared(
                tokens=max(len(row), 1),
                ids=row,
                features={
                    block.name: self._functions[block.name](reading) for block in chosen.text_blocks
                },
            )
            for reading, row in zip(readings, ids, strict=True)
        ]

    def _encode_texts(self, readings: Sequence[Reading]) -> list[tuple[int, ...]]:
        return self._tokens.encode([reading.encoded for reading in readings])

    def run(
        self, batch: Sequence[Prepared], router: str, *, want_quality: bool, want_embedding: bool
    ) -> Scores:
        chosen = self._routers[self.resolve(router)]
        if not batch:
            return Scores(np.empty(0, dtype=np.float32))
        rows = with_earlier(batch)
        encoded = self._encode(rows, chosen.encoder_blocks)
        columns = [
            encoded[block.name]
            if isinstance(block, EncoderBlock)
            else np.stack([item.features[block.name] for item in rows])
            for block in chosen.blocks
        ]
        features = np.concatenate(columns, axis=1)
        head, predictor = chosen.head, chosen.predictor
        last = chosen.encoder_blocks[-1].name if chosen.encoder_blocks else None
        scored = Scores(
            scores=head.scores(features),
            quality=predictor.quality(features) if want_quality and predictor.profiles else None,
            embeddings=encoded[last] if want_embedding and last is not None else None,
            known=None if chosen.familiarity is None else chosen.familiarity(features),
        )
        return blended(batch, scored)

    def read(self, texts: Sequence[str], block: EncoderBlock) -> Matrix:
        """One encoder block's columns of some texts: for checks and training."""
        readings = [self._read(text) for text in texts]
        batch = [
            Prepared(tokens=len(ids), ids=ids, features={}) for ids in self._encode_texts(readings)
        ]
        return self._encode(batch, [block])[block.name]

    def _encode(
        self, batch: Sequence[Prepared], blocks: Sequence[EncoderBlock]
    ) -> Mapping[str, Matrix]:
        """Each encoder block's columns; every graph runs once, whatever blocks it feeds."""
        columns: dict[str, Matrix] = {}
        for session in {id(s): s for s in map(self._session, blocks)}.values():
            fed = [block for block in blocks if self._session(block) is session]
            outputs = self._run([block.output for block in fed], session, batch)
            columns |= {block.name: outputs[block.output] for block in fed}
        return columns

    def _run(
        self, outputs: Sequence[str], session: Session, batch: Sequence[Prepared]
    ) -> Mapping[str, Matrix]:
        """Run the graph over the batch; an int8 graph over one text at a time.

        An int8 graph takes its activations' scale from the whole batch, so that a text's score
        would depend on the other texts. On a CPU core that costs a seventh of the throughput.
        """
        size = 1 if self._device.precision == "int8" else len(batch)
        parts = [
            session.run(outputs, *pad([item.ids for item in batch[start : start + size]]))
            for start in range(0, len(batch), size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def _session(self, block: EncoderBlock) -> Session:
        try:
            return self._sessions[block.name]
        except KeyError:
            raise EngineError("the engine is closed") from None

    def warm_up(self) -> None:
        for router in self._routers:
            for text in _WARM_TEXTS:
                (prepared,) = self.prepare([text], router)
                for size in _WARM_BATCHES:
                    self.run([prepared] * size, router, want_quality=True, want_embedding=False)

    def close(self) -> None:
        self._sessions.clear()


def _follow_up(item: Prepared, earlier: Prepared, weight: float) -> Prepared:
    tokens = max(item.tokens, earlier.tokens)
    return replace(item, tokens=tokens, earlier=earlier, weight=weight)
