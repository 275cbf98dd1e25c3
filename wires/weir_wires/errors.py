"""What can go wrong between two wires, as one tree.

WireError
├── RequestError             a client's request that can't be translated
│   ├── InvalidBody          its body is not what its own wire says
│   └── NotCarried           the other wire has no place for a field
└── MalformedResponse        a provider's answer is not what its wire says: its own failure
    └── Untranslatable       it is JSON in an orderly end, and a translator can't read it
"""


class WireError(ValueError):
    """Base; the message says what is wrong."""


class RequestError(WireError):
    """A client's request that can't be translated, with the field at fault."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        """`param` is the field's path in the client's body, `code` a stable word for programs."""
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code


class InvalidBody(RequestError):
    """The body is not valid on the client's own wire."""


class NotCarried(RequestError):
    """The other wire has no place for a field, and leaving it out would change the answer."""

    code = "not_carried"


class MalformedResponse(WireError):
    """A provider's answer or event is not what its wire says."""


class Untranslatable(MalformedResponse):
    """A provider's answer that a translator can't read, though clients of its own wire may."""
