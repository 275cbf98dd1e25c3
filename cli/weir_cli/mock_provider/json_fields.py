"""Typed access to untyped JSON, and the error for a malformed body."""

import json

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Object = dict[str, Json]


class BadRequest(Exception):
    """The request is refused; the client can correct it."""

    def __init__(self, message: str, *, param: str = "", status: int = 400, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code or "invalid_request"


def parse(body: bytes) -> Object:
    """The body as an object. Raises BadRequest."""
    try:
        value: Json = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise BadRequest(f"The body is not JSON: {broken}") from broken
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


def text(source: Object, key: str, default: str = "") -> str:
    """A string, or `default` where it is absent or something else."""
    value = source.get(key)
    return value if isinstance(value, str) else default


def integer(source: Object, key: str, default: int = 0) -> int:
    """A whole number, or `default`."""
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def boolean(source: Object, key: str) -> bool:
    """True only where the value is `true`."""
    return source.get(key) is True


def mapping(source: Object, key: str) -> Object:
    """An object, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def objects(source: Object, key: str) -> list[Object]:
    """The objects of a list; whatever else is in it is left out."""
    value = source.get(key)
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def strings(source: Object, key: str) -> list[str]:
    """A string or a list of them, as a list."""
    value = source.get(key)
    if isinstance(value, str):
        return [value]
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]
