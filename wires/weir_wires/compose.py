"""Two pairs as one: the client's wire to a middle one, and that to the provider's.

Must not know any one wire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from weir_wires.errors import RequestError
from weir_wires.event import Event, EventReader
from weir_wires.fields import Fate, Field
from weir_wires.translator import (
    ResponseTranslator,
    StreamTranslator,
    TranslatedRequest,
    Translator,
)

ClientName = Callable[[str], str]  # a field's path on the middle wire → the client's own


@dataclass(frozen=True, slots=True)
class Composed:
    """`near`, whose client side is the client's, and then `far`. See `Translator`."""

    near: Translator
    far: Translator
    client_name: ClientName

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """Both translations; every field is told by the client's name for it."""
        first = self.near.translate(body, model)
        try:
            second = self.far.translate(first.body, model)
        except RequestError as error:
            raise self._renamed(error) from error
        dropped = dict.fromkeys([*first.dropped, *map(self.client_name, second.dropped)])
        return TranslatedRequest(
            second.body, _Back(first.response, second.response), tuple(dropped)
        )

    def _renamed(self, error: RequestError) -> RequestError:
        if error.param is None:
            return error
        name = self.client_name(error.param)
        message = error.message.replace(f"`{error.param}", f"`{name}")
        return type(error)(message, param=name, code=error.code)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `ResponseTranslator`."""

    near: ResponseTranslator
    far: ResponseTranslator

    def translate(self, body: bytes) -> bytes:
        """The provider's answer by way of the middle wire."""
        return self.near.translate(self.far.translate(body))

    def stream(self) -> StreamTranslator:
        """The same for a stream."""
        return _Events(self.near.stream(), self.far.stream())


class _Events:
    """See `StreamTranslator`."""

    __slots__ = ("_far", "_near", "_reader")

    def __init__(self, near: StreamTranslator, far: StreamTranslator) -> None:
        self._near = near
        self._far = far
        self._reader = EventReader()

    def feed(self, event: Event) -> bytes:
        """What the client is sent now."""
        return self._through(self._far.feed(event))

    def end(self) -> bytes:
        """What both wires want last."""
        return self._through(self._far.end()) + self._near.end()

    def _through(self, data: bytes) -> bytes:
        if not data:
            return b""
        return b"".join(self._near.feed(event) for event in self._reader.feed(data))


def fields(
    near: tuple[Field, ...], far: tuple[Field, ...], client_name: ClientName
) -> tuple[Field, ...]:
    """What becomes of the client's fields on both ways together: the worse of the two fates.

    Several fields of the middle wire may share a client's name: the first one counts.
    """
    later: dict[str, Field] = {}
    for field in far:
        later.setdefault(client_name(field.name), field)
    return tuple(_worse(field, later.get(field.name)) for field in near)


def _worse(field: Field, later: Field | None) -> Field:
    if field.fate is not Fate.CARRIED or later is None or later.fate is Fate.CARRIED:
        return field
    return replace(field, fate=later.fate, note=later.note)
