"""Two translators as one: the client's wire to OpenAI's chat, and that to the provider's.

What chat itself has no field for travels in fields beside its own: thinking blocks signed in a
reasoning item's `encrypted_content` or in `thinking_blocks`, so nothing is lost.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from weir_wires.errors import MalformedResponse, RequestError, Untranslatable
from weir_wires.event import Event, EventReader
from weir_wires.translator import (
    Fate,
    Field,
    ResponseTranslator,
    StreamTranslator,
    ToChat,
    TranslatedRequest,
    Translator,
)


@dataclass(frozen=True, slots=True)
class ComposedTranslator:
    """`near`, whose client side is the client's, and then `far`."""

    near: ToChat
    far: Translator

    @property
    def fields(self) -> tuple[Field, ...]:
        """Each field of the client's with the worse of its two fates.

        Several fields of the chat wire may share a client's name: the first one counts.
        """
        later: dict[str, Field] = {}
        for field in self.far.fields:
            later.setdefault(self.near.client_name(field.name), field)
        fields = self.near.between().fields
        return tuple(_worse(field, later.get(field.name)) for field in fields)

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """Translate twice; errors and dropped fields have the client's names."""
        first = self.near.between().translate(body, model)
        try:
            second = self.far.translate(first.body, model)
        except RequestError as error:
            raise self._renamed(error) from error
        dropped = dict.fromkeys([*first.dropped, *map(self.near.client_name, second.dropped)])
        response = _ComposedResponse(first.response, second.response)
        return TranslatedRequest(second.body, response, tuple(dropped))

    def _renamed(self, error: RequestError) -> RequestError:
        if error.param is None:
            return error
        name = self.near.client_name(error.param)
        message = error.message.replace(f"`{error.param}", f"`{name}")
        return type(error)(message, param=name, code=error.code)


@dataclass(frozen=True, slots=True)
class _ComposedResponse:
    near: ResponseTranslator
    far: ResponseTranslator

    def translate(self, body: bytes) -> bytes:
        middle = self.far.translate(body)
        with _not_the_provider():
            return self.near.translate(middle)

    def stream(self) -> StreamTranslator:
        return _ComposedStream(self.near.stream(), self.far.stream())


class _ComposedStream:
    __slots__ = ("_far", "_near", "_reader")

    def __init__(self, near: StreamTranslator, far: StreamTranslator) -> None:
        self._near = near
        self._far = far
        self._reader = EventReader()

    def feed(self, event: Event) -> bytes:
        return self._through_near(self._far.feed(event))

    def end(self) -> bytes:
        rest = self._through_near(self._far.end())
        with _not_the_provider():
            return rest + self._near.end()

    def _through_near(self, stream: bytes) -> bytes:
        if not stream:
            return b""
        try:
            return b"".join(self._near.feed(event) for event in self._reader.feed(stream))
        except MalformedResponse as error:  # a context manager per event would be costly
            raise Untranslatable(str(error)) from error


@contextmanager
def _not_the_provider() -> Generator[None]:
    """What the near translator can't read is what the far one wrote: no fault of the provider's."""
    try:
        yield
    except MalformedResponse as error:
        raise Untranslatable(str(error)) from error


def _worse(field: Field, later: Field | None) -> Field:
    if field.fate is not Fate.CARRIED or later is None or later.fate is Fate.CARRIED:
        return field
    return replace(field, fate=later.fate, note=later.note)
