"""The wires there are, and how a request on one of them reaches an endpoint that speaks others."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from weir_wires import anthropic, bedrock, google, openai, vertex
from weir_wires.composed import ComposedTranslator
from weir_wires.spec import Platform, WireSpec
from weir_wires.translator import Translator
from weir_wires.wire import Wire

# One line per API. Where several wires of an endpoint could carry a request, the first one does.
SPECS: Final[tuple[WireSpec, ...]] = (
    *openai.WIRES,
    *anthropic.WIRES,
    *google.WIRES,
    *bedrock.WIRES,
    *vertex.WIRES,
)
PLATFORMS: Final[tuple[Platform, ...]] = (bedrock.BEDROCK, vertex.VERTEX)


@dataclass(frozen=True, slots=True)
class WireRoute:
    """The wire a request goes out on, and its translator; None: it passes unchanged."""

    wire: Wire
    translator: Translator | None


class Registry(Mapping[Wire, WireSpec]):
    """Each wire's spec, in the order of preference."""

    def __init__(self, specs: Iterable[WireSpec], platforms: Iterable[Platform] = ()) -> None:
        self._specs = {spec.wire: spec for spec in specs}
        self._platforms = {platform.protocol: platform for platform in platforms}
        self._routes = {wire: self._routes_of(spec) for wire, spec in self._specs.items()}
        self._usual = {spec.protocol: spec for spec in self._specs.values() if spec.protocol}
        self._usual |= {p.protocol: self._specs[p.usual] for p in self._platforms.values()}

    def __getitem__(self, wire: Wire) -> WireSpec:
        return self._specs[wire]

    def __iter__(self) -> Iterator[Wire]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def platforms(self) -> frozenset[str]:
        """The protocols that are a cloud's platform, with several APIs' wires."""
        return frozenset(self._platforms)

    @property
    def listed(self) -> tuple[str, ...]:
        """The short names that a ModelBackend may list; others come with one of these."""
        implied = frozenset[Wire]().union(*(spec.also for spec in self._specs.values()))
        implied |= {
            own for platform in self._platforms.values() for own in platform.hosted.values()
        }
        return tuple(
            wire.short
            for wire, spec in self._specs.items()
            if wire not in implied and spec.format_of is None
        )

    def named(self, short: str) -> Wire | None:
        """The wire that a ModelBackend's `wires` call `short`; None where there is none."""
        own = (wire for wire, spec in self._specs.items() if spec.format_of is None)
        return next((wire for wire in own if wire.short == short), None)

    def hosted(self, protocol: str, wires: AbstractSet[Wire]) -> frozenset[Wire]:
        """The wires as the platform of a ModelBackend's `protocol` has them."""
        platform = self._platforms.get(protocol)
        if platform is None:
            return frozenset(wires)
        return frozenset(platform.hosted.get(wire, wire) for wire in wires)

    def version_path(self, protocol: str, wire: Wire) -> str:
        """What stands between a ModelBackend's endpoint and the path of a wire."""
        platform = self._platforms.get(protocol)
        if platform is None:
            usual = self._usual.get(protocol)
            return usual.version_path if usual is not None else ""
        return platform.paths.get(wire, "")

    def usual(self, protocol: str) -> WireSpec:
        """The usual wire of a ModelBackend's `protocol`. Raises KeyError where there is none."""
        return self._usual[protocol]

    def route(self, client: Wire, spoken: AbstractSet[Wire]) -> WireRoute | None:
        """How a request on `client` reaches an endpoint that speaks `spoken`; None if it can't."""
        if client in spoken:
            return WireRoute(client, None)
        routes = self._routes[client]
        return next((route for route in routes if route.wire in spoken), None)

    def translated(self, client: Wire) -> tuple[WireRoute, ...]:
        """The wires that a request on `client` can be translated to, the preferred one first."""
        return self._routes[client]

    def _routes_of(self, client: WireSpec) -> tuple[WireRoute, ...]:
        """Those of its own format, those of one translator, and then those through chat."""
        same = dict[Wire, Translator | None]()
        direct, composed = dict[Wire, Translator](), dict[Wire, Translator]()
        to_chat = client.to_chat
        for wire, spec in self._specs.items():
            own = spec.translators.get(client.wire)
            own = to_chat if own is None and wire is Wire.OPENAI_CHAT else own
            from_chat = spec.translators.get(Wire.OPENAI_CHAT)
            if spec.format_of is client.wire:
                same[wire] = None
            elif own is not None:
                direct[wire] = own
            elif to_chat is not None and from_chat is not None and wire is not client.wire:
                composed[wire] = ComposedTranslator(to_chat, from_chat)
        return tuple(WireRoute(*pair) for pair in (same | direct | composed).items())

    def spoken(self, wires: AbstractSet[Wire]) -> frozenset[Wire]:
        """All that an endpoint answers: one that answers messages also counts their tokens."""
        return frozenset(wires).union(*(self._specs[wire].also for wire in wires))

    def servable(self, wires: AbstractSet[Wire]) -> frozenset[Wire]:
        """The clients' wires that an endpoint which speaks `wires` can serve."""
        return frozenset(wire for wire in self._specs if self.route(wire, wires) is not None)


WIRES: Final = Registry(SPECS, PLATFORMS)
