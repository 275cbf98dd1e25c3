"""An instance of a JSON schema: what a model in structured-output mode would have to give.

Pure, total and bounded: an unsatisfiable or endless schema yields something small, never an error.
"""

from collections.abc import Callable

from weir_cli.mock_provider.json_fields import (
    Json,
    Object,
    integer,
    mapping,
    objects,
    strings,
    text,
)

_DEEPEST = 8  # beyond it only what is required is filled, and `$ref`s are no longer followed
_FORMATS = {
    "date": "2024-02-29",
    "date-time": "2024-02-29T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "duration": "PT1M",
}


def example(schema: Object, digest: bytes) -> Json:
    """An instance of `schema`, chosen by `digest` where there is a choice."""
    return _Maker(schema, digest).value(schema, "answer", 0)


class _Maker:
    def __init__(self, root: Object, digest: bytes) -> None:
        self._root = root
        self._digest = digest
        self._taken = 0

    def value(self, schema: Object, name: str, depth: int) -> Json:
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return choices[self._byte() % len(choices)]
        for key in ("anyOf", "oneOf"):
            if options := objects(schema, key):
                return self.value(
                    _shallowest(options) if depth > 1 else options[0], name, depth + 1
                )
        return self._of_type(schema, name, depth)

    def _of_type(self, schema: Object, name: str, depth: int) -> Json:
        kind = next(iter(strings(schema, "type")), "object" if "properties" in schema else "")
        makers: dict[str, Callable[[], Json]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, name, depth),
            "integer": lambda: self._integer(schema),
            "number": lambda: float(self._integer(schema)),
            "boolean": lambda: self._byte() % 2 == 0,
            "string": lambda: self._string(schema, name),
            "": lambda: {name: f"stand-in {self._byte()}"} if depth == 0 else None,
        }
        return makers.get(kind, lambda: None)()

    def _object(self, schema: Object, depth: int) -> Json:
        properties = mapping(schema, "properties")
        required = set(strings(schema, "required"))
        return {
            name: self.value(inner, name, depth + 1)
            for name, inner in properties.items()
            if isinstance(inner, dict) and (name in required or depth < _DEEPEST)
        }

    def _array(self, schema: Object, name: str, depth: int) -> Json:
        least = integer(schema, "minItems", 0 if depth >= _DEEPEST else 1)
        count = min(least, integer(schema, "maxItems", least), 64)
        items = mapping(schema, "items")
        return [self.value(items, name, depth + 1) for _ in range(count)]

    def _integer(self, schema: Object) -> int:
        low = integer(schema, "minimum", integer(schema, "exclusiveMinimum", -1) + 1)
        high = integer(schema, "maximum", integer(schema, "exclusiveMaximum", low + 101) - 1)
        step = max(integer(schema, "multipleOf", 1), 1)
        start = -(-low // step) * step
        return start + step * (self._byte() % max((high - start) // step + 1, 1))

    def _string(self, schema: Object, name: str) -> str:
        known = _FORMATS.get(text(schema, "format"))
        if known is not None:
            return known
        text_value = f"{name} {self._byte()}".ljust(integer(schema, "minLength"), ".")
        return text_value[: integer(schema, "maxLength", len(text_value))]

    def _resolved(self, schema: Object, depth: int) -> Object:
        """Follow `$ref` within the document and lay `allOf` over one another."""
        for _ in range(_DEEPEST):
            reference = text(schema, "$ref")
            if not reference.startswith("#") or depth > 4 * _DEEPEST:
                break
            schema = self._at(reference)
        merged: Object = dict(schema)
        for part in objects(schema, "allOf"):
            inner = self._resolved(part, depth + 1) if depth < 4 * _DEEPEST else {}
            properties: Json = {**mapping(merged, "properties"), **mapping(inner, "properties")}
            required: Json = [*strings(merged, "required"), *strings(inner, "required")]
            merged = {**inner, **merged, "properties": properties, "required": required}
        return merged

    def _at(self, reference: str) -> Object:
        here: Object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            here = mapping(here, step.replace("~1", "/").replace("~0", "~")) if step else here
        return here

    def _byte(self) -> int:
        self._taken += 1
        return self._digest[self._taken % len(self._digest)]


def _shallowest(options: list[Object]) -> Object:
    """The option that ends a recursion soonest: null, then a scalar, then what comes first."""
    return next((o for o in options if text(o, "type") not in {"", "object", "array"}), options[0])
