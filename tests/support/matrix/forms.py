"""What the matrix needs to know of a wire, on the provider's side and on the client's."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from support.drafts import Draft
from support.gateway import backend
from support.matrix.said import Case, Json, Kind, Said


class ProviderForm(Protocol):
    """Writes answers as providers of one wire do."""

    @property
    def stream_type(self) -> str:
        """The media type of its streams."""
        ...

    @property
    def cases(self) -> Mapping[Kind, Sequence[Case]]:
        """What is particular to its servers: every kind but PLAIN."""
        ...

    def whole(self, said: Said) -> bytes:
        """The body of a whole answer."""
        ...

    def stream(self, said: Said) -> list[bytes]:
        """The events of a stream, framed."""
        ...

    def backend(self, name: str, url: str) -> Draft:
        """A backend for a server at `url`, which ends in `/v1`."""
        ...


class ClientForm(Protocol):
    """Asks as clients of one wire do and reads what comes."""

    @property
    def path(self) -> str:
        """Where it posts its requests; Gemini's has `{model}` and `{method}`."""
        ...

    def body(self, *, stream: bool) -> Json:
        """A request with tools, without its model."""
        ...

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        """Ask by the official SDK; `strict`: every part of the answer fits the SDK's models.

        Raises the SDK's error.
        """
        ...

    def sees(self, said: Said) -> Said:
        """What of an answer this wire can express."""
        ...


def speaking(name: str, url: str, protocol: str, *wires: str) -> Draft:
    """A backend that speaks these wires."""
    made = backend(name, url)
    made.spec["protocol"] = protocol
    made.spec["wires"] = list(wires)
    made.spec["capabilities"] = ["tools"]
    return made
